"""Documents and mail formats with a file inside them, written by the byte."""

from __future__ import annotations

import binascii
import io
import struct
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

import pikepdf

Writer = Callable[[bytes], bytes]

NAME = "file.bin"


def an_ole(streams: Mapping[str, bytes]) -> bytes:
    """A compound file with these streams in its root ([MS-CFB], version 3)."""
    padded = {
        name: content.ljust(4096, b"\0") if len(content) < 4096 else content
        for name, content in streams.items()
    }
    sectors = [content + bytes(-len(content) % 512) for content in padded.values()]
    counts = [len(content) // 512 for content in sectors]
    directory_count = -(-(len(streams) + 1) // 4)
    total = sum(counts) + directory_count
    table_count = -(-(total + 1) // 127)
    table: list[int] = []
    starts: list[int] = []
    for count in (*counts, directory_count):
        starts.append(len(table))
        table += [*range(len(table) + 1, len(table) + count), 0xFFFFFFFE]
    table += [0xFFFFFFFD] * table_count
    table += [0xFFFFFFFF] * (-len(table) % 128)
    table_starts = [total + number for number in range(table_count)]
    header = struct.pack(
        "<8s16sHHHHH6s9L",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", bytes(16), 0x3E, 3, 0xFFFE, 9, 6, bytes(6),
        0, table_count, starts[-1], 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0,
    )  # fmt: skip
    header += b"".join(struct.pack("<L", place) for place in table_starts)
    entries = [_ole_entry("Root Entry", 5, 1 if streams else 0xFFFFFFFF, 0xFFFFFFFE, 0, 0xFFFFFFFF)]
    for number, (name, content) in enumerate(padded.items(), 1):
        following = number + 1 if number < len(padded) else 0xFFFFFFFF
        entries.append(_ole_entry(name, 2, 0xFFFFFFFF, starts[number - 1], len(content), following))
    directory = b"".join(entries)
    directory = directory.ljust(directory_count * 512, b"\0")
    return (
        header.ljust(512, b"\xff")
        + b"".join(sectors)
        + directory
        + b"".join(struct.pack("<L", entry) for entry in table)
    )


def _ole_entry(name: str, kind: int, child: int, start: int, size: int, following: int) -> bytes:
    encoded = name.encode("utf-16-le") + b"\0\0"
    fields = struct.pack(
        "<HBBLLL16sLQQLQ",
        len(encoded),
        kind,
        1,
        0xFFFFFFFF,
        following,
        child,
        bytes(16),
        0,
        0,
        0,
        start,
        size,
    )
    return encoded.ljust(64, b"\0") + fields


def packed_by_the_packager(content: bytes, name: str = NAME) -> bytes:
    """What the Object Packager writes into a document."""
    raw = name.encode("cp1252") + b"\0"
    native = b"\x02\0" + raw + b"C:\\" + raw + b"\0\0\x03\0" + struct.pack("<L", 3 + len(raw)) + b"C:\\" + raw
    return native + struct.pack("<L", len(content)) + content


def an_embedding_document(content: bytes) -> bytes:
    """A Word document with a file packed into it."""
    native = packed_by_the_packager(content)
    return an_ole({"WordDocument": bytes(32), "\x01Ole10Native": struct.pack("<L", len(native)) + native})


def an_rtf(content: bytes) -> bytes:
    """RTF with a file packed into it, in digits broken into lines."""
    native = packed_by_the_packager(content)
    blob = struct.pack("<3L", 0x501, 2, 8) + b"Package\0" + struct.pack("<3L", 0, 0, len(native)) + native
    digits = binascii.b2a_hex(blob, b"\n", -32).replace(b"\n", b"\r\n")
    return b"{\\rtf1 text {\\object\\objemb{\\*\\objdata " + digits + b"}}}"


def a_pdf(content: bytes, *, user: str | None = None, owner: str = "") -> bytes:
    """A PDF with a file attached, encrypted if there is a `user` password; an empty one opens it for all."""
    document = pikepdf.new()
    document.add_blank_page()
    document.attachments[NAME] = pikepdf.AttachedFileSpec(
        document, content, filename=NAME, description="", mime_type="", creation_date="", mod_date=""
    )
    written = io.BytesIO()
    if user is None:
        document.save(written)
    else:
        document.save(written, encryption=pikepdf.Encryption(owner=owner, user=user))
    return written.getvalue()


def a_tnef(content: bytes, name: str = NAME) -> bytes:
    """A winmail.dat with a file attached."""
    raw = name.encode("cp1252", "replace") + b"\0"
    return (
        b"\x78\x9f\x3e\x22\x01\0"
        + tnef_attribute(1, 0x00089006, b"\0\0\1\0")
        + tnef_attribute(2, 0x00069002, bytes(14))
        + tnef_attribute(2, 0x00018010, raw)
        + tnef_attribute(2, 0x0006800F, content)
    )


def tnef_attribute(level: int, attribute: int, value: bytes) -> bytes:
    """One attribute of a TNEF stream."""
    return struct.pack("<BLL", level, attribute, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def tnef_properties(*properties: tuple[int, int, bytes]) -> bytes:
    """MAPI properties, each of a tag, a type with values of any length, and its content."""
    written = struct.pack("<L", len(properties))
    for tag, kind, content in properties:
        written += struct.pack("<HHLL", kind, tag, 1, len(content)) + content + bytes(-len(content) % 4)
    return written


def uuencoded(content: bytes, name: str = NAME) -> bytes:
    """A text with a file in it, as old mail programs sent it."""
    lines = b"".join(
        binascii.b2a_uu(content[at : at + 45], backtick=True) for at in range(0, len(content), 45)
    )
    return b"Here it is:\n\nbegin 644 %b\n%b`\nend\n-- \nA.\n" % (name.encode(), lines)


def uuencoded_in_base64(content: bytes) -> bytes:
    """The same in the newer form of POSIX."""
    return b"begin-base64 644 %b\n%b====\n" % (NAME.encode(), binascii.b2a_base64(content))


def yencoded(content: bytes) -> bytes:
    """A text with a file in it, as newsgroups have it."""
    shifted = bytes((byte + 42) & 255 for byte in content)
    escaped = b"".join(
        b"=" + bytes([(byte + 64) & 255]) if byte in b"\0\n\r=" else bytes([byte]) for byte in shifted
    )
    size = len(content)
    return b"=ybegin line=128 size=%d name=%b\r\n%b\r\n=yend size=%d\r\n" % (
        size,
        NAME.encode(),
        escaped,
        size,
    )


def binhexed(content: bytes) -> bytes:
    """A text with a Macintosh file in it."""
    raw = NAME.encode()
    header = bytes([len(raw)]) + raw + b"\0TEXTttxt\0\0" + struct.pack(">LL", len(content), 0) + b"\0\0"
    plain = (header + content + b"\0\0" + b"\0\0").replace(b"\x90", b"\x90\0")
    base64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    binhex = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
    coded = binascii.b2a_base64(plain, newline=False).rstrip(b"=").translate(bytes.maketrans(base64, binhex))
    lines = b"\n".join(coded[at : at + 64] for at in range(0, len(coded), 64))
    return b"(This file must be converted with BinHex 4.0)\n\n:" + lines + b":\n"


def a_mailbox(content: bytes) -> bytes:
    """A mailbox file with two messages, the second with a file attached."""
    return (
        b"From a@client.example Mon Mar  2 10:00:00 2026\nSubject: one\n\nHello.\n\n"
        b"From a@client.example Mon Mar  2 10:01:00 2026\n" + a_message_with(content)
    )


def a_message_with(content: bytes) -> bytes:
    """A message with a file attached."""
    return (
        b"Subject: two\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=edge\n\n--edge\n\nHello.\n"
        b"--edge\nContent-Type: application/octet-stream; name=%b\n"
        b"Content-Transfer-Encoding: base64\n\n%b--edge--\n" % (NAME.encode(), binascii.b2a_base64(content))
    )


def signed(content: bytes, *, indefinite: bool = False) -> bytes:
    """A signed S/MIME message that shows its content to nobody who does not open it (RFC 8551 §3.5.2)."""
    if indefinite:
        half = len(content) // 2
        octets = b"\x24\x80" + _der(4, content[:half]) + _der(4, content[half:]) + b"\0\0"
    else:
        octets = _der(4, content)
    inner = _der(0x30, _SIGNED_CONTENT + _der(0xA0, octets))
    data = _der(0x30, b"\x02\x01\x01" + _der(0x31, b"") + inner + _der(0x31, b""))
    if indefinite:
        return b"\x30\x80" + _SIGNED + b"\xa0\x80" + data + b"\0\0\0\0"
    return _der(0x30, _SIGNED + _der(0xA0, data))


def enveloped(content: bytes) -> bytes:
    """An encrypted S/MIME message."""
    return _der(0x30, bytes.fromhex("06092a864886f70d010703") + _der(0xA0, _der(0x30, content)))


def compressed(content: bytes) -> bytes:
    """A compressed S/MIME message (RFC 3274)."""
    algorithm = _der(0x30, bytes.fromhex("060b2a864886f70d0109100308"))
    inner = _der(0x30, _SIGNED_CONTENT + _der(0xA0, _der(4, zlib.compress(content))))
    data = _der(0x30, b"\x02\x01\x00" + algorithm + inner)
    return _der(0x30, bytes.fromhex("060b2a864886f70d0109100109") + _der(0xA0, data))


_SIGNED = bytes.fromhex("06092a864886f70d010702")
_SIGNED_CONTENT = bytes.fromhex("06092a864886f70d010701")


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def an_active_mime(content: bytes) -> bytes:
    """What Office puts into documents that are saved as web pages."""
    return b"ActiveMime\0".ljust(50, b"\1") + zlib.compress(content)


HOLDERS: Mapping[str, Writer] = MappingProxyType(
    {
        "message": a_message_with,
        "mailbox": a_mailbox,
        "TNEF": a_tnef,
        "uuencoded": uuencoded,
        "uuencoded in base64": uuencoded_in_base64,
        "yEnc": yencoded,
        "BinHex": binhexed,
        "signed": signed,
        "signed, indefinite": lambda content: signed(content, indefinite=True),
        "signed message": lambda content: signed(a_message_with(content)),
        "compressed": compressed,
        "OLE": an_embedding_document,
        "RTF": an_rtf,
        "PDF": a_pdf,
        "PDF, open to all": lambda content: a_pdf(content, user="", owner="owner"),
        "ActiveMime": an_active_mime,
    }
)
"""All of them by kind."""
