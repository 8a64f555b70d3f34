"""The true type of an object: what its bytes say it is, whatever it is called.

A file can be several things at once, and each program takes it for what that program knows: a picture with
an archive behind it, a program that unpacks itself. So `kinds_of` gives all of them, and each counts.
"""

from __future__ import annotations

import re
from binascii import crc32
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """Types of content that hold other content. The value is the MIME type that stands for it."""

    MESSAGE = "message/rfc822"
    MBOX = "application/mbox"
    UUENCODED = "text/x-uuencode"
    YENC = "text/x-yenc"
    BINHEX = "application/mac-binhex40"
    TNEF = "application/vnd.ms-tnef"
    CMS = "application/pkcs7-mime"
    PGP = "application/pgp-encrypted"
    ZIP = "application/zip"
    RAR = "application/vnd.rar"
    RAR5 = "application/vnd.rar; version=5"
    SEVEN_ZIP = "application/x-7z-compressed"
    TAR = "application/x-tar"
    GZIP = "application/gzip"
    BZIP2 = "application/x-bzip2"
    XZ = "application/x-xz"
    LZMA = "application/x-lzma"
    ZSTD = "application/zstd"
    COMPRESS = "application/x-compress"
    CAB = "application/vnd.ms-cab-compressed"
    ARJ = "application/x-arj"
    LHA = "application/x-lzh-compressed"
    ISO = "application/x-iso9660-image"
    UDF = "application/x-udf-image"
    AR = "application/x-archive"
    CPIO = "application/x-cpio"
    RPM = "application/x-rpm"
    XAR = "application/x-xar"
    WIM = "application/x-ms-wim"
    CHM = "application/vnd.ms-htmlhelp"
    VHD = "application/x-vhd"
    VHDX = "application/x-vhdx"
    VMDK = "application/x-vmdk"
    DMG = "application/x-apple-diskimage"
    DISK = "application/x-raw-disk-image"
    FAT = "application/x-fat-image"
    NTFS = "application/x-ntfs-image"
    SQUASHFS = "application/vnd.squashfs"
    INSTALLER = "application/x-nsis"
    MSLZ = "application/x-ms-compress"
    OLE = "application/x-ole-storage"
    RTF = "text/rtf"
    PDF = "application/pdf"
    ACTIVE_MIME = "application/x-mso"
    ACE = "application/x-ace-compressed"
    ZOO = "application/x-zoo"
    ALZ = "application/x-alz-compressed"
    EGG = "application/x-egg"
    STUFFIT = "application/x-stuffit"
    DAA = "application/x-daa-image"
    FREEARC = "application/x-freearc"
    LZIP = "application/x-lzip"
    LZ4 = "application/x-lz4"
    LZOP = "application/x-lzop"
    SNAPPY = "application/x-snappy-framed"


@dataclass(frozen=True, slots=True)
class Found:
    """A kind of content, and the byte where it begins."""

    kind: Kind
    start: int = 0


def kinds_of(content: bytes) -> tuple[Found, ...]:
    """All that `content` can be opened as; none for what holds nothing else."""
    found = [Found(kind) for kind in _kinds_at_start(content)]
    for rare, mark, kind in _ANYWHERE:
        # To look for one byte takes a tenth of the time, and most content has none of these.
        if rare in content:
            found += _all_found(content, mark, kind)
    if content.startswith(b"MZ"):
        for mark, kind in _IN_PROGRAMS:
            found += _all_found(content, mark, kind)
    if b"%PDF-" in content[:_PDF_HEAD]:
        found.append(Found(Kind.PDF))
    if b"\0" not in content[:_TEXT_HEAD]:
        found += _in_text(content)
    return tuple(
        sorted(found, key=lambda one: one.start > 0)
    )  # first what the content is from its first byte


_AT_START: Mapping[bytes, Kind] = MappingProxyType(
    {
        b"\x78\x9f\x3e\x22": Kind.TNEF,
        b"-----BEGIN PGP MESSAGE-----": Kind.PGP,
        b"PK\x05\x06": Kind.ZIP,
        b"\x1f\x8b\x08": Kind.GZIP,
        b"\xfd7zXZ\x00": Kind.XZ,
        b"\x28\xb5\x2f\xfd": Kind.ZSTD,
        b"\x1f\x9d": Kind.COMPRESS,
        b"MSCF\0\0\0\0": Kind.CAB,
        b"!<arch>\n": Kind.AR,
        b"\xed\xab\xee\xdb": Kind.RPM,
        b"xar!\0": Kind.XAR,
        b"MSWIM\0\0\0": Kind.WIM,
        b"ITSF\x03\0": Kind.CHM,
        b"vhdxfile": Kind.VHDX,
        b"KDMV\x01\0": Kind.VMDK,
        b"SZDD\x88\xf0\x27\x33": Kind.MSLZ,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": Kind.OLE,
        b"{\\rt": Kind.RTF,
        b"ActiveMime\0": Kind.ACTIVE_MIME,
        b"ALZ\x01": Kind.ALZ,
        b"EGGA\0\x01": Kind.EGG,
        b"StuffIt (c)": Kind.STUFFIT,
        b"SIT!\0": Kind.STUFFIT,
        b"DAA\0\0": Kind.DAA,
        b"ArC\x01": Kind.FREEARC,
        b"LZIP\x01": Kind.LZIP,
        b"\x04\x22\x4d\x18": Kind.LZ4,
        b"\x89LZO\0\r\n\x1a\n": Kind.LZOP,
        b"\xff\x06\0\0sNaPpY": Kind.SNAPPY,
    }
)
_STARTS = tuple(_AT_START)

_AT_PLACE: tuple[tuple[int, bytes, Kind], ...] = (
    (7, b"**ACE**", Kind.ACE),
    (20, b"\xdc\xa7\xc4\xfd", Kind.ZOO),
    (257, b"ustar", Kind.TAR),
    (0x8001, b"CD001", Kind.ISO),
    (0x8001, b"BEA01", Kind.UDF),
    (0x8801, b"BEA01", Kind.UDF),
    (0x9001, b"BEA01", Kind.UDF),
    (3, b"NTFS    ", Kind.NTFS),
    (54, b"FAT1", Kind.FAT),
    (82, b"FAT32   ", Kind.FAT),
    (-512, b"koly\0\0\0\x04", Kind.DMG),
)

# Programs that unpack themselves, pictures with something behind them: readers look for these themselves.
_ANYWHERE = (
    (b"\x03", b"PK\x03\x04", Kind.ZIP),
    (b"\xaf", b"7z\xbc\xaf\x27\x1c", Kind.SEVEN_ZIP),
    (b"\x1a", b"Rar!\x1a\x07\x00", Kind.RAR),
    (b"\x1a", b"Rar!\x1a\x07\x01\x00", Kind.RAR5),
)
_MOST_PLACES = dict.fromkeys(Kind, 8) | {Kind.ZIP: 1}
"""Places of one mark that are tried. Of ZIP the first is enough: its directory is looked for from the end."""

_IN_PROGRAMS = ((b"MSCF\0\0\0\0", Kind.CAB), (b"\xef\xbe\xad\xdeNullsoftInst", Kind.INSTALLER))


_TEXT_HEAD = 4096
"""What has a NUL in its first bytes is no text."""
_PDF_HEAD = 1024 + 5
"""Readers look for the mark of a PDF in the first KB (ISO 32000-1, annex H.3)."""
_BINHEX_HEAD = 1 << 16

_UU_BEGIN = re.compile(rb"\nbegin(?:-base64)? [0-7]{3,4} [^\s]")
_YENC_BEGIN = re.compile(rb"\n=ybegin [^\n]*line=")


def _kinds_at_start(content: bytes) -> list[Kind]:
    found: list[Kind] = []
    if content.startswith(_STARTS):
        found += [kind for start, kind in _AT_START.items() if content.startswith(start)]
    for place, mark, kind in _AT_PLACE:
        if content.startswith(mark, place if place >= 0 else max(len(content) + place, 0)):
            found.append(kind)
    return found + [kind for looks_like, kind in _BY_LOOK if kind not in found and looks_like(content)]


def _all_found(content: bytes, mark: bytes, kind: Kind) -> list[Found]:
    """Each place of a mark: what unpacks itself often holds the mark before the archive has it."""
    found: list[Found] = []
    at = content.find(mark)
    while at >= 0 and len(found) < _MOST_PLACES[kind]:
        found.append(Found(kind, at))
        at = content.find(mark, at + 1)
    return found


def _in_text(content: bytes) -> list[Found]:
    found: list[Found] = []
    for mark, begin, kind in (
        (b"\nbegin", _UU_BEGIN, Kind.UUENCODED),
        (b"\n=ybegin ", _YENC_BEGIN, Kind.YENC),
    ):
        at_start = content.startswith(mark[1:]) and begin.match(b"\n" + content[:1024])
        if at_start or (mark in content and begin.search(content)):
            found.append(Found(kind))
    if b"(This file must be converted with BinHex" in content[:_BINHEX_HEAD]:
        found.append(Found(Kind.BINHEX))
    return found


_FIELDS = rb"(?:[!-9;-~]++[ \t]*+:[^\n]*+\n(?:[ \t][^\n]*+\n)*+)"
_TELLING = rb"(?:mime-version|content-type|content-transfer-encoding|received|return-path|message-id)[ \t]*:"
_MESSAGE = re.compile(rb"\s{0,8}(?:>?From [^\n]*\n)?" + _FIELDS + rb"{0,200}?" + _TELLING, re.IGNORECASE)
_MBOX = re.compile(rb"From [^\n]*\n[!-9;-~]+[ \t]*:")
_LHA = re.compile(rb"..-l[hz][0-9a-z]-", re.DOTALL)
_CMS = re.compile(
    rb"\x30(?:\x80|[\x01-\x7f]|\x81.|\x82..|\x83...|\x84....)"
    rb"\x06(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07[\x02\x03\x04\x06]"
    rb"|\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01[\x09\x17])",
    re.DOTALL,
)
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_CPIO = re.compile(rb"07070[12][0-9A-Fa-f]{104}|070707[0-7]{70}")
_SQUASHFS = re.compile(rb"hsqs.{24}\x04\0|sqsh.{24}\0\x04", re.DOTALL)
_OCTAL = re.compile(rb" *+([0-7]{1,7})[\0 ]*")
_LZMA = re.compile(rb"\x5d\0\0[\0-\xff][\0-\x10](?:\xff{8}|[\0-\xff]{5}\0{3})\0", re.DOTALL)


def _looks_like_tar(content: bytes) -> bool:
    """Archives from before POSIX have no mark, but the sum of their first header."""
    written = _OCTAL.fullmatch(content[148:156])
    if len(content) < 512 or written is None:
        return False
    return int(written[1], 8) == sum(content[:148]) + 8 * 0x20 + sum(content[156:512])


def _looks_like_arj(content: bytes) -> bool:
    if not content.startswith(b"\x60\xea"):
        return False
    size = int.from_bytes(content[2:4], "little")
    header, written = content[4 : 4 + size], content[4 + size : 8 + size]
    return 30 <= size <= 2600 and crc32(header) == int.from_bytes(written, "little")


def _looks_like_disk(content: bytes) -> bool:
    """A table of partitions, of which one at least has a type, a start and a size."""
    if len(content) < 1024 or content[510:512] != b"\x55\xaa":
        return False
    entries = [content[at : at + 16] for at in range(446, 510, 16)]
    return all(entry[0] in (0, 0x80) for entry in entries) and any(
        entry[4] and any(entry[8:12]) and any(entry[12:16]) for entry in entries
    )


def _looks_like_vhd(content: bytes) -> bool:
    """A footer behind the disk; of one that grows also a copy before it."""
    return content.startswith(b"conectix\0\0\0", len(content) - 512) and len(content) > 3 * 512


def _matches(pattern: re.Pattern[bytes]) -> Callable[[bytes], bool]:
    return lambda content: pattern.match(content) is not None


_BY_LOOK: tuple[tuple[Callable[[bytes], bool], Kind], ...] = (
    (_looks_like_tar, Kind.TAR),
    (_looks_like_arj, Kind.ARJ),
    (_looks_like_disk, Kind.DISK),
    (_looks_like_vhd, Kind.VHD),
    (_matches(_LHA), Kind.LHA),
    (_matches(_BZIP2), Kind.BZIP2),
    (_matches(_CPIO), Kind.CPIO),
    (_matches(_SQUASHFS), Kind.SQUASHFS),
    (_matches(_CMS), Kind.CMS),
    (_matches(_LZMA), Kind.LZMA),
    (_matches(_MBOX), Kind.MBOX),
    (_matches(_MESSAGE), Kind.MESSAGE),
)
