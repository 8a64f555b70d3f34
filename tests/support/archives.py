"""Archives of all kinds with one file in them, by the libraries that write them or by the byte."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from binascii import crc32
from collections.abc import Callable, Mapping
from types import MappingProxyType

import backports.zstd as zstd
import pybit7z

LIBRARY = pybit7z.Bit7zLibrary(pybit7z.default_lib7zip())

Writer = Callable[[bytes], bytes]
"""Makes an archive of one file, called `NAME` where the kind has names."""

NAME = "file.bin"
_NAME = NAME.encode()


def a_zip(content: bytes, name: str = NAME, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of one file."""
    return zipped({name: content}, method=method)


def zipped(files: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of several files."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


def by_7zip(
    form: pybit7z.BitInOutFormat,
    files: Mapping[str, bytes],
    *,
    password: str = "",
    names_too: bool = False,
    solid: bool = False,
    method: pybit7z.BitCompressionMethod | None = None,
) -> bytes:
    """An archive that 7-Zip writes, encrypted if there is a password."""
    writer = pybit7z.BitArchiveWriter(LIBRARY, form)
    writer.set_solid_mode(solid)
    if method is not None:
        writer.set_compression_method(method)
    if password:
        scope = pybit7z.EncryptionScope.DataAndHeaders if names_too else pybit7z.EncryptionScope.DataOnly
        writer.set_password(password, scope)
    for name, content in files.items():
        writer.add_file(content, name)
    written = writer.compress_to()
    assert isinstance(written, bytes)
    return written


def a_tar(content: bytes, compression: str = "") -> bytes:
    """A tar of one file."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode=f"w:{compression}") as archive:  # type: ignore[call-overload]
        entry = tarfile.TarInfo(NAME)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def an_old_tar(content: bytes) -> bytes:
    """A tar of the time before POSIX, without a mark."""
    header = bytearray(512)
    header[: len(_NAME)] = _NAME
    header[100:108] = b"000644 \0"
    header[124:136] = b"%011o " % len(content)
    header[136:148] = b"00000000000 "
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + _to_blocks(content) + bytes(1024)


def a_cab(content: bytes) -> bytes:
    """A cabinet with its file stored ([MS-CAB])."""
    name = _NAME + b"\0"
    files_at = 36 + 8
    data_at = files_at + 16 + len(name)
    blocks = [content[at : at + 0x8000] for at in range(0, len(content), 0x8000)] or [b""]
    data = b"".join(struct.pack("<LHH", 0, len(block), len(block)) + block for block in blocks)
    header = struct.pack(
        "<4sLLLLLBBHHHHH", b"MSCF", 0, data_at + len(data), 0, files_at, 0, 3, 1, 1, 1, 0, 0, 0
    )
    folder = struct.pack("<LHH", data_at, len(blocks), 0)
    file = struct.pack("<LLHHHH", len(content), 0, 0, 0x5821, 0, 0x20)
    return header + folder + file + name + data


def an_arj(content: bytes) -> bytes:
    """An ARJ archive with its file stored."""
    main = _arj_header(2, b"archive.arj", 0, 0, 0)
    return main + _arj_header(0, _NAME, len(content), crc32(content), 0) + content + b"\x60\xea\0\0"


def an_encrypted_arj(content: bytes) -> bytes:
    """The same with the mark of encryption."""
    main = _arj_header(2, b"archive.arj", 0, 0, 0)
    return main + _arj_header(0, _NAME, len(content), crc32(content), 1) + content + b"\x60\xea\0\0"


def _arj_header(file_type: int, name: bytes, size: int, checksum: int, flags: int) -> bytes:
    fixed = struct.pack(
        "<8BLLLLHHH", 30, 11, 1, 0, flags, 0, file_type, 0, 0, size, size, checksum, 0, 0x20, 0
    )
    basic = fixed + name + b"\0" + b"\0"
    return b"\x60\xea" + struct.pack("<H", len(basic)) + basic + struct.pack("<L", crc32(basic)) + b"\0\0"


def an_lha(content: bytes) -> bytes:
    """An LHA archive with its file stored (-lh0-, header of level 0)."""
    fields = struct.pack("<5sLLLBB", b"-lh0-", len(content), len(content), 0, 0x20, 0)
    header = fields + bytes([len(_NAME)]) + _NAME + struct.pack("<H", _crc16(content))
    return bytes([len(header), sum(header) & 255]) + header + content + b"\0"


def _crc16(content: bytes) -> int:
    value = 0
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


def a_rar(content: bytes, *, encrypted: bool = False, volume: bool = False) -> bytes:
    """A RAR of the fourth format with its file stored."""
    flags = 0x8000 | (4 if encrypted else 0) | (2 if volume else 0)
    file = struct.pack(
        "<LLBLLBBHL", len(content), len(content), 2, crc32(content), 0, 29, 0x30, len(_NAME), 0x20
    )
    archive = _rar_block(0x73, 1 if volume else 0, bytes(6))
    return (
        b"Rar!\x1a\x07\0"
        + archive
        + _rar_block(0x74, flags, file + _NAME)
        + content
        + _rar_block(0x7B, 0x4000, b"")
    )


def _rar_block(kind: int, flags: int, fields: bytes) -> bytes:
    block = struct.pack("<BHH", kind, flags, 7 + len(fields)) + fields
    return struct.pack("<H", crc32(block) & 0xFFFF) + block


def a_rar5(content: bytes, *, encrypted: bool = False) -> bytes:
    """A RAR of the fifth format with its file stored."""
    extra = b""
    if encrypted:
        record = _number(1) + _number(0) + _number(0) + bytes([15]) + bytes(32)
        extra = _number(len(record)) + record
    file = (
        _number(4)  # with a checksum
        + _number(len(content))
        + _number(0x20)
        + struct.pack("<L", crc32(content))
        + _number(0)
        + _number(0)
        + _number(len(_NAME))
        + _NAME
    )
    flags = 2 | (1 if extra else 0)
    sizes = (_number(len(extra)) if extra else b"") + _number(len(content))
    return (
        b"Rar!\x1a\x07\x01\0"
        + _rar5_block(_number(1) + _number(0) + _number(0))
        + _rar5_block(_number(2) + _number(flags) + sizes + file + extra)
        + content
        + _rar5_block(_number(5) + _number(0) + _number(0))
    )


def _rar5_block(fields: bytes) -> bytes:
    sized = _number(len(fields)) + fields
    return struct.pack("<L", crc32(sized)) + sized


def _number(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def an_iso(content: bytes) -> bytes:
    """A CD image with one file (ECMA-119)."""
    root_at, file_at = 18, 19
    blocks = -(-len(content) // 2048)
    root = _iso_record(b"\0", root_at, 2048, 2)
    folder = (
        root + _iso_record(b"\1", root_at, 2048, 2) + _iso_record(b"FILE.BIN;1", file_at, len(content), 0)
    )
    volume = bytearray(2048)
    volume[:7] = b"\x01CD001\x01"
    volume[8:72] = b" " * 64
    volume[80:88] = _both(file_at + blocks, "L")
    volume[120:132] = _both(1, "H") + _both(1, "H") + _both(2048, "H")
    volume[156:190] = root
    volume[881] = 1
    end = b"\xffCD001\x01".ljust(2048, b"\0")
    return (
        bytes(16 * 2048)
        + bytes(volume)
        + end
        + folder.ljust(2048, b"\0")
        + content.ljust(blocks * 2048, b"\0")
    )


def _iso_record(name: bytes, place: int, size: int, flags: int) -> bytes:
    fields = b"\0" + _both(place, "L") + _both(size, "L") + bytes(7) + bytes([flags, 0, 0]) + _both(1, "H")
    record = fields + bytes([len(name)]) + name
    record += b"\0" if len(record) % 2 == 0 else b""
    return bytes([len(record) + 1]) + record


def _both(value: int, size: str) -> bytes:
    return struct.pack(f"<{size}", value) + struct.pack(f">{size}", value)


def a_cpio(content: bytes) -> bytes:
    """A cpio archive of the new ASCII format."""
    return _cpio_entry(_NAME, content, 0o100644) + _cpio_entry(b"TRAILER!!!", b"", 0)


def _cpio_entry(name: bytes, content: bytes, mode: int) -> bytes:
    numbers = (1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    header = b"070701" + b"".join(b"%08X" % number for number in numbers) + name + b"\0"
    return header + bytes(-len(header) % 4) + content + bytes(-len(content) % 4)


def an_ar(content: bytes) -> bytes:
    """An archive of `ar`, as Debian packages are."""
    return (
        b"!<arch>\n" + b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (_NAME, 0, 0, 0, b"100644", len(content)) + content
    )


def a_compressed_file(content: bytes) -> bytes:
    """A file of `compress`, in which every eighth code clears the table, so that all have nine bits."""
    codes: list[int] = []
    for at in range(0, len(content), 7):
        codes += [*content[at : at + 7], *([256] if at + 7 < len(content) else [])]
    bits = sum(code << 9 * place for place, code in enumerate(codes))
    return b"\x1f\x9d\x90" + bits.to_bytes((9 * len(codes) + 7) // 8, "little")


def an_expandable_file(content: bytes) -> bytes:
    """A file of Microsoft's COMPRESS.EXE, all of its bytes as they are."""
    groups = b"".join(b"\xff" + content[at : at + 8] for at in range(0, len(content), 8))
    return b"SZDD\x88\xf0\x27\x33A\0" + struct.pack("<L", len(content)) + groups


def a_xar(content: bytes) -> bytes:
    """A XAR with its file stored."""
    size = len(content)
    data = f"<length>{size}</length><offset>0</offset><size>{size}</size>"
    encoding = '<encoding style="application/octet-stream"/>'
    file = f'<file id="1"><data>{data}{encoding}</data><type>file</type><name>{NAME}</name></file>'
    listing = f'<?xml version="1.0" encoding="UTF-8"?><xar><toc>{file}</toc></xar>'.encode()
    packed = zlib.compress(listing)
    return struct.pack(">4sHHQQL", b"xar!", 28, 1, len(packed), len(listing), 0) + packed + content


def a_fat_image(content: bytes) -> bytes:
    """A floppy image with one file (FAT12, 2880 sectors)."""
    boot = bytearray(512)
    boot[:3] = b"\xeb\x3c\x90"
    boot[3:11] = b"MSDOS5.0"
    boot[11:36] = struct.pack("<HBHBHHBHHHLL", 512, 1, 1, 1, 16, 64, 0xF8, 1, 32, 2, 0, 0)
    boot[38] = 0x29
    boot[54:62] = b"FAT12   "
    boot[510:] = b"\x55\xaa"
    table = bytes([0xF8, 0xFF, 0xFF, 0xFF, 0x0F, 0]).ljust(512, b"\0")
    entry = b"FILE    BIN" + bytes([0x20]) + bytes(14) + struct.pack("<HL", 2, len(content))
    assert len(content) <= 512
    image = bytes(boot) + table + entry.ljust(512, b"\0") + content.ljust(512, b"\0")
    return image.ljust(64 * 512, b"\0")


def a_disk_image(content: bytes) -> bytes:
    """A hard disk image with one partition."""
    partition = a_fat_image(content)
    sector = bytearray(512)
    sector[446:462] = struct.pack("<B3sB3sLL", 0, b"\0\1\0", 1, b"\0\1\0", 1, len(partition) // 512)
    sector[510:] = b"\x55\xaa"
    return bytes(sector) + partition


def a_vhd(content: bytes) -> bytes:
    """A virtual hard disk of fixed size."""
    disk = a_disk_image(content)
    size = len(disk)
    form = ">8sLLQL4sL4sQQHBBL"
    written = (b"conectix", 2, 0x10000, 0xFFFFFFFFFFFFFFFF, 0, b"test", 0x10000, b"Wi2k")
    fields = struct.pack(form, *written, size, size, 1, 1, 1, 2)
    footer = fields + bytes(4) + bytes(16) + b"\0"
    checksum = ~sum(footer) & 0xFFFFFFFF
    footer = fields + struct.pack(">L", checksum) + bytes(16) + b"\0"
    return disk + footer.ljust(512, b"\0")


def _to_blocks(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


ARCHIVES: Mapping[str, Writer] = MappingProxyType(
    {
        "zip": a_zip,
        "zip, stored": lambda content: a_zip(content, method=zipfile.ZIP_STORED),
        "zip, bzip2": lambda content: a_zip(content, method=zipfile.ZIP_BZIP2),
        "zip, lzma": lambda content: a_zip(content, method=zipfile.ZIP_LZMA),
        "zip, deflate64": lambda content: by_7zip(
            pybit7z.FormatZip, {NAME: content}, method=pybit7z.BitCompressionMethod.Deflate64
        ),
        "zip, behind a program": lambda content: b"MZ" + bytes(1000) + a_zip(content),
        "7z": lambda content: by_7zip(pybit7z.FormatSevenZip, {NAME: content}),
        "7z, behind a program": lambda content: (
            b"MZ" + bytes(1000) + by_7zip(pybit7z.FormatSevenZip, {NAME: content})
        ),
        "rar": a_rar,
        "rar, behind a program": lambda content: b"MZ" + bytes(1000) + a_rar(content),
        "rar5": a_rar5,
        "tar": a_tar,
        "tar, old": an_old_tar,
        "tar.gz": lambda content: a_tar(content, "gz"),
        "tar.bz2": lambda content: a_tar(content, "bz2"),
        "tar.xz": lambda content: a_tar(content, "xz"),
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "xz": lzma.compress,
        "lzma": lambda content: lzma.compress(content, lzma.FORMAT_ALONE),
        "zstd": zstd.compress,
        "cab": a_cab,
        "cab, behind a program": lambda content: b"MZ" + bytes(1000) + a_cab(content),
        "arj": an_arj,
        "lha": an_lha,
        "iso": an_iso,
        "wim": lambda content: by_7zip(pybit7z.FormatWim, {NAME: content}),
        "cpio": a_cpio,
        "ar": an_ar,
        "compress": a_compressed_file,
        "expand": an_expandable_file,
        "xar": a_xar,
        "fat image": a_fat_image,
        "disk image": a_disk_image,
        "vhd": a_vhd,
    }
)
"""All of them by kind."""
