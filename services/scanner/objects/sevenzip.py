"""Archives and images that 7-Zip reads: 7z, RAR, CAB, ARJ, LHA, ISO and many more.

Sizes that an archive states are believed only where they bound the work, and checked against what came out:
a volume that is missing gives a short file and no error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from gateway.domain.kinds import Kind
from services.scanner.objects.budget import Budget, Exceeded
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

MOST_AT_ONCE = 128 << 20
"""Bytes of all files of an archive that may be in memory together."""
MOST_WORK = 1 << 30
"""Bytes that are unpacked of one archive, with those that are only passed over."""

_NO_SIZE = {Kind.COMPRESS, Kind.MSLZ}
"""Kinds that do not say how large their content is."""


def opener(kind: Kind) -> Opener:
    """The opener for one of `FORMATS`."""
    return partial(_open, kind)


def extract_entry(archive: bytes, room: int) -> bytes:
    """The one file of a ZIP. Raises `BitException` when it cannot be read or is larger than `room`."""
    reader = _reader(archive, "FormatZip")
    reader.set_progress_callback(lambda done: done <= room)
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
    extraction = _Extraction(reader, budget, kind)
    for item in extraction.files:
        budget.check_time()
        name, size = item.path(), item.size()
        if item.is_encrypted():
            yield protected(name)
            continue
        if size > budget.room:
            yield damaged(budget.refuse(size), name)
            continue
        try:
            taken = extraction.content_of(item)
        except BitException as error:
            yield damaged(str(error), name)
            continue
        yield Member(taken, "" if name == "[Content]" else name)
        if len(taken) != size and kind not in _NO_SIZE:
            yield damaged(f"{len(taken)} bytes came out of {size}", name)


class _Extraction:
    """Takes files out of an archive: all at once where it can, for each alone may need all before it."""

    def __init__(self, reader: pybit7z.BitArchiveReader, budget: Budget, kind: Kind) -> None:
        self.files = [item for item in reader.items() if not item.is_dir()]
        self._reader = reader
        self._budget = budget
        self._kind = kind
        self._work = MOST_WORK
        self._done = 0
        self._at_once = self._all_at_once()

    def content_of(self, item: pybit7z.BitArchiveItemInfo) -> bytes:
        """The content of one file. Raises `BitException`, or `Exceeded` when too much was passed over."""
        if item.path() in self._at_once:
            return self._at_once.pop(item.path())
        if self._work <= 0:
            raise Exceeded(f"more than {MOST_WORK >> 20} MB to unpack, file by file")
        room = self._budget.room if self._kind in _NO_SIZE else self._reader.size() + self._budget.room
        self._stop_beyond(min(room, self._work))
        try:
            return self._reader.extract_to(item.index())
        finally:
            self._work -= self._done

    def _all_at_once(self) -> dict[str, bytes]:
        from pybit7z import BitException

        sizes = [item.size() for item in self.files]
        is_simple = len({item.path() for item in self.files}) == len(sizes) > 1
        if not is_simple or any(item.is_encrypted() for item in self.files):
            return {}
        if sum(sizes) > min(MOST_AT_ONCE, self._budget.room_in_all) or max(sizes) > self._budget.room:
            return {}
        self._stop_beyond(sum(sizes))
        try:
            return self._reader.extract_to()
        except BitException:  # one of them is damaged, and the others can be had one by one
            return {}

    def _stop_beyond(self, room: int) -> None:
        """Have the extraction stop when it has made more than it may, with what it passes over on the way."""
        self._done = 0

        def goes_on(done: int) -> bool:
            self._done = done
            return done <= room

        self._reader.set_progress_callback(goes_on)


def _unreadable(content: bytes, kind: Kind, error: Exception) -> Fault:
    import pybit7z

    try:
        form = getattr(pybit7z, FORMATS[kind])
        if pybit7z.BitArchiveReader.is_header_encrypted(_library(), content, form):
            return protected()
    except pybit7z.BitException:
        pass
    return damaged(str(error))
