"""Small files of many kinds with a text in each."""

from __future__ import annotations

import base64
import io
import struct
import zipfile
from xml.sax.saxutils import escape

import pikepdf
import zxingcpp
from PIL import Image

from tests.support.office import compound, packed

_FIB_SIZE = 1472
_CP_OF_TEXT = 76
_TABLE_OF_PIECES = 418
"""Places in the header of a Word document ([MS-DOC] 2.5): characters of text, place and size of the table."""


def a_word(text: str) -> bytes:
    """A document of Word 97."""
    content = text.replace("\n", "\r").encode("utf-16-le")
    fib = bytearray(_FIB_SIZE)
    struct.pack_into("<HH", fib, 0, 0xA5EC, 0x00C1)
    struct.pack_into("<H", fib, 10, 0x1000)
    struct.pack_into("<II", fib, 24, _FIB_SIZE, _FIB_SIZE + len(content))
    struct.pack_into("<H", fib, 32, 14)
    struct.pack_into("<H", fib, 62, 22)
    struct.pack_into("<I", fib, _CP_OF_TEXT, len(content) // 2)
    struct.pack_into("<H", fib, 152, 0x5D)
    pieces = struct.pack("<IIHIH", 0, len(content) // 2, 0, _FIB_SIZE, 0)
    table = b"\x02" + struct.pack("<I", len(pieces)) + pieces
    struct.pack_into("<II", fib, _TABLE_OF_PIECES, 0, len(table))
    return compound({"WordDocument": bytes(fib) + content + bytes(4096), "0Table": table + bytes(4096)})


def a_docx(text: str, link: str = "") -> bytes:
    """A document of Word since 2007, with a link if one is given."""
    rows = "".join(f"<w:p><w:r><w:t>{escape(line)}</w:t></w:r></w:p>" for line in text.split("\n"))
    target = f'<Relationship Id="r1" Target="{escape(link)}" TargetMode="External"/>' if link else ""
    return packed(
        {
            "[Content_Types].xml": "<Types/>",
            "word/document.xml": f"<w:document><w:body>{rows}</w:body></w:document>",
            "word/_rels/document.xml.rels": f"<Relationships>{target}</Relationships>",
        }
    )


def an_xlsx(*cells: str) -> bytes:
    """A workbook with these texts."""
    strings = "".join(f"<si><t>{escape(cell)}</t></si>" for cell in cells)
    return packed({"xl/workbook.xml": "<workbook/>", "xl/sharedStrings.xml": f"<sst>{strings}</sst>"})


def a_pptx(text: str) -> bytes:
    """A presentation of one slide."""
    slide = f"<p:sld><a:p><a:t>{escape(text)}</a:t></a:p></p:sld>"
    return packed({"ppt/presentation.xml": "<p/>", "ppt/slides/slide1.xml": slide})


def an_odt(text: str) -> bytes:
    """A text of OpenDocument."""
    content = f"<office:text><text:p>{escape(text)}</text:p></office:text>"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:  # which does not pack: the type has to stand as it is
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", content)
    return made.getvalue()


def an_rtf(text: str, link: str = "") -> bytes:
    """A text in RTF, in the charset of Windows for Cyrillic."""
    coded = "".join(f"\\'{byte:02x}" if byte > 126 else chr(byte) for byte in text.encode("cp1251"))
    field = f'{{\\field{{\\*\\fldinst{{HYPERLINK "{link}"}}}}{{\\fldrslt{{here}}}}}}' if link else ""
    return f"{{\\rtf1\\ansi\\ansicpg1251\\deff0 {coded}\\par {field}}}".encode("ascii")


def a_pdf(text: str, link: str = "", *, password: str = "") -> bytes:
    """A document of one page."""
    document = pikepdf.new()
    page = document.add_blank_page(page_size=(400, 200))
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
    )
    page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
    page.Contents = document.make_stream(b"BT /F1 18 Tf 20 100 Td (" + text.encode("latin-1") + b") Tj ET")
    if link:
        action = pikepdf.Dictionary(S=pikepdf.Name.URI, URI=pikepdf.String(link))
        annotation = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[0, 0, 9, 9], A=action
        )
        page.Annots = pikepdf.Array([annotation])
    file = io.BytesIO()
    encryption = pikepdf.Encryption(owner=password, user=password) if password else False
    document.save(file, encryption=encryption)
    return file.getvalue()


def a_qr(text: str, form: str = "PNG", *, angle: int = 0) -> bytes:
    """A picture with a QR code."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    picture = Image.fromarray(code.to_image(scale=6)).convert("L")
    page = Image.new("L", (500, 400), "white")
    page.paste(picture.rotate(angle, expand=True, fillcolor=255), (60, 40))
    file = io.BytesIO()
    page.save(file, form)
    return file.getvalue()


def attached(content: bytes, name: str = "", content_type: str = "application/octet-stream") -> bytes:
    """A message with that file."""
    return (
        b'Subject: a file\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        b"--b\r\n\r\nsee the file\r\n--b\r\n"
        + f'Content-Type: {content_type}\r\nContent-Disposition: attachment; filename="{name}"\r\n'.encode()
        + b"Content-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(content).replace(b"\n", b"\r\n")
        + b"--b--\r\n"
    )
