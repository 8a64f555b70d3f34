"""Archives and images that 7-Zip reads: 7z, RAR, CAB, ARJ, LHA, ISO and many more.

Sizes that an archive states are believed only where they bound the work, and checked against what came out:
a volume that is missing gives a short file and no error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from services.scanner.objects.budget import Budget
from services.scanner.objects.kinds import Kind
from services.scanner.objects.members import Fault, Member, Opener, damaged, protected

if TYPE_CHECKING:
    import pybit7z

FORMATS: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.SEVEN_ZIP: "FormatSevenZip",
        Kind.RAR: "FormatRar",
        Kind.RAR5: "FormatRar5",
        Kind.CAB: "FormatCab",
        Kind.ARJ: "FormatArj",
        Kind.LHA: "FormatLzh",
        Kind.ISO: "FormatIso",
        Kind.UDF: "FormatUdf",
        Kind.COMPRESS: "FormatZ",
        Kind.AR: "FormatDeb",
        Kind.CPIO: "FormatCpio",
        Kind.RPM: "FormatRpm",
        Kind.XAR: "FormatXar",
        Kind.WIM: "FormatWim",
        Kind.CHM: "FormatChm",
        Kind.VHD: "FormatVhd",
        Kind.VHDX: "FormatVhdx",
        Kind.VMDK: "FormatVMDK",
        Kind.DMG: "FormatDmg",
        Kind.DISK: "FormatMbr",
        Kind.FAT: "FormatFat",
        Kind.NTFS: "FormatNtfs",
        Kind.SQUASHFS: "FormatSquashFS",
        Kind.INSTALLER: "FormatNsis",
        Kind.MSLZ: "FormatMslz",
    }
)
"""What 7-Zip calls each kind."""

_NO_SIZE = {Kind.COMPRESS, Kind.MSLZ}
"""Kinds that do not say how large their content is."""


def opener(kind: Kind) -> Opener:
    """The opener for one of `FORMATS`."""
    return partial(_open, kind)


def extract_entry(archive: bytes, room: int) -> bytes:
    """The one file of a ZIP. Raises `BitException` when it cannot be read or is larger than `room`."""
    reader = _reader(archive, "FormatZip")
    _stop_beyond(reader, room)
    return reader.extract_to(0)


@cache
def _library() -> pybit7z.Bit7zLibrary:
    import pybit7z  # when the first archive comes: only confined processes need it

    return pybit7z.Bit7zLibrary(pybit7z.default_lib7zip())


def _reader(archive: bytes, name: str) -> pybit7z.BitArchiveReader:
    import pybit7z

    library = _library()
    return pybit7z.BitArchiveReader(library, archive, getattr(pybit7z, name))


def _open(kind: Kind, content: bytes, budget: Budget) -> Iterator[Member | Fault]:
    from pybit7z import BitException

    try:
        reader = _reader(content, FORMATS[kind])
    except BitException as error:
        yield _unreadable(content, kind, error)
        return
    if reader.is_multi_volume():
        yield damaged("one of several volumes")
    for item in reader.items():
        budget.check_time()
        name, size = item.path(), item.size()
        if item.is_dir():
            continue
        if item.is_encrypted():
            yield protected(name)
            continue
        if size > budget.room:
            yield damaged(budget.refuse(size), name)
            continue
        _stop_beyond(reader, budget.room)
        try:
            taken = reader.extract_to(item.index())
        except BitException as error:
            yield damaged(str(error), name)
            continue
        yield Member(taken, "" if name == "[Content]" else name)
        if len(taken) != size and kind not in _NO_SIZE:
            yield damaged(f"{len(taken)} bytes came out of {size}", name)


def _unreadable(content: bytes, kind: Kind, error: Exception) -> Fault:
    import pybit7z

    try:
        form = getattr(pybit7z, FORMATS[kind])
        if pybit7z.BitArchiveReader.is_header_encrypted(_library(), content, form):
            return protected()
    except pybit7z.BitException:
        pass
    return damaged(str(error))


def _stop_beyond(reader: pybit7z.BitArchiveReader, room: int) -> None:
    """Have the extraction stop when it has made more than it may."""
    reader.set_progress_callback(lambda done: done <= room)
