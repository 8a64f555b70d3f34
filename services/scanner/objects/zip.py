"""ZIP archives, read as every reader would: by the directory at the end, and by the headers in between.

A ZIP says everything twice. Readers that believe the directory and readers that go from header to header
can be shown different files, so both are looked at: an entry whose two names or places differ counts as
both, and what lies between the entries of the directory is searched for entries that it does not name.
"""

from __future__ import annotations

import bz2
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType
from zlib import crc32

from services.scanner.objects import streams
from services.scanner.objects.budget import Budget
from services.scanner.objects.members import Fault, Member, damaged, decoded_name, protected
from services.scanner.objects.sevenzip import extract_entry

_LOCAL = b"PK\x03\x04"
_CENTRAL = b"PK\x01\x02"
_END = b"PK\x05\x06"
_WIDE_END = b"PK\x06\x06"
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_CENTRAL_HEADER = struct.Struct("<4s6H3L5H2L")
_END_RECORD = struct.Struct("<4s4H2LH")
_ZIP64_END = struct.Struct("<4sQ2H2L4Q")

_ENCRYPTED = 0x0001
_SIZES_FOLLOW = 0x0008
_UTF8 = 0x0800
_MASKED = 0x2000
_UNKNOWN = 0xFFFFFFFF
_HIGHEST_METHOD = 99
_NEWEST_VERSION = 100
"""No entry needs a reader of a later version than 6.3; ten times that is no header at all."""

MOST_ENTRIES = 100_000
"""Entries that are listed; those that are opened count for the budget."""

_STORED = 0
_STREAMS: Mapping[int, Callable[[], streams.Decompressor]] = MappingProxyType(
    {8: streams.deflated, 12: bz2.BZ2Decompressor, 93: streams.zstd_stream, 95: streams.xz_stream}
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive, as one of its two headers describes it."""

    name: str
    flags: int
    method: int
    checksum: int
    packed: int  # bytes in the archive
    size: int  # bytes that come out
    start: int  # of its local header
    data: int = 0  # where its bytes begin

    @property
    def end(self) -> int:
        """Where its bytes end."""
        return self.data + self.packed


def open_zip(content: bytes, budget: Budget) -> Iterator[Member | Fault]:
    """All entries that any reader would find."""
    listed, directory = _directory(content)
    if directory is None and content.startswith(_LOCAL):
        yield damaged("it has no directory")
    taken: list[tuple[int, int]] = [directory] if directory else []
    for entry in listed:
        local = _local_entry(content, entry.start)
        if local is None:
            yield damaged("an entry of the directory leads nowhere", entry.name)
            continue
        seen = _as_seen(entry, local)
        taken.append((local.start, max(one.end for one in seen)))
        yield from _entries(content, seen, budget)

    taken.sort()
    if any(second[0] < first[1] for first, second in pairwise(taken)):
        yield damaged("entries overlap")
    for entry in _hidden(content, taken):
        yield from _entries(content, [entry], budget)


def _directory(content: bytes) -> tuple[list[Entry], tuple[int, int] | None]:
    """The entries of the directory at the end, and where it stands; None when there is none."""
    at = content.rfind(_END)
    if at < 0 or len(content) - at < _END_RECORD.size:
        return [], None
    _mark, _disk, _first_disk, _here, count, size, offset, _comment = _END_RECORD.unpack_from(content, at)
    end = at
    wide = content.rfind(_WIDE_END, max(at - 4096, 0), at)
    is_wide = _UNKNOWN in (size, offset) or count == 0xFFFF
    if is_wide and wide >= 0 and at - wide >= _ZIP64_END.size:
        size, offset = _ZIP64_END.unpack_from(content, wide)[8:10]
        end = wide
    start = max(end - size, 0)
    shift = start - offset  # what stands before the archive, for programs that unpack themselves
    entries: list[Entry] = []
    position = start
    while content.startswith(_CENTRAL, position) and len(entries) < MOST_ENTRIES:
        entry, position = _central_entry(content, position, shift)
        if entry is None:
            break
        entries.append(entry)
    return entries, (start, len(content))


def _central_entry(content: bytes, at: int, shift: int) -> tuple[Entry | None, int]:
    if len(content) - at < _CENTRAL_HEADER.size:
        return None, len(content)
    fields = _CENTRAL_HEADER.unpack_from(content, at)
    flags, method, checksum, packed, size = fields[3], fields[4], fields[7], fields[8], fields[9]
    name_length, extra_length, comment_length, start = fields[10], fields[11], fields[12], fields[16]
    name_at = at + _CENTRAL_HEADER.size
    extra_at = name_at + name_length
    wide = _wide_numbers(content[extra_at : extra_at + extra_length], [size, packed, start])
    size, packed, start = wide
    name = _name(content[name_at:extra_at], flags)
    next_at = extra_at + extra_length + comment_length
    return Entry(name, flags, method, checksum, packed, size, start + shift), next_at


def _local_entry(content: bytes, at: int) -> Entry | None:
    """The entry whose local header stands at `at`, if one does."""
    if at < 0 or not content.startswith(_LOCAL, at) or len(content) - at < _LOCAL_HEADER.size:
        return None
    fields = _LOCAL_HEADER.unpack_from(content, at)
    version, flags, method = fields[1], fields[2], fields[3]
    checksum, packed, size, name_length, extra_length = fields[6:11]
    if version & 0xFF > _NEWEST_VERSION or method > _HIGHEST_METHOD or not name_length:
        return None
    name_at = at + _LOCAL_HEADER.size
    extra_at = name_at + name_length
    size, packed, _ = _wide_numbers(content[extra_at : extra_at + extra_length], [size, packed, 0])
    name = _name(content[name_at:extra_at], flags)
    return Entry(name, flags, method, checksum, packed, size, at, extra_at + extra_length)


def _wide_numbers(extra: bytes, numbers: list[int]) -> list[int]:
    """`numbers`, those of them that have no room in a header taken from the ZIP64 field."""
    position = 0
    while position + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, position)
        field = extra[position + 4 : position + 4 + length]
        position += 4 + length
        if tag != 1:
            continue
        for index, number in enumerate(numbers):
            if number == _UNKNOWN and len(field) >= 8:
                numbers[index], field = int.from_bytes(field[:8], "little"), field[8:]
    return numbers


def _name(raw: bytes, flags: int) -> str:
    return raw.decode("utf-8", "replace") if flags & _UTF8 else decoded_name(raw)


def _as_seen(central: Entry, local: Entry) -> list[Entry]:
    """The entry as readers of the directory have it, and once more if those of the header have another."""
    by_directory = replace(central, data=local.data)
    sizes_follow = local.flags & _SIZES_FOLLOW and not local.packed
    sizes = (central.packed, central.size) if sizes_follow else (local.packed, local.size)
    by_header = replace(local, packed=sizes[0], size=sizes[1], checksum=central.checksum)
    different = ("name", "method", "packed", "size")
    same = all(getattr(by_directory, one) == getattr(by_header, one) for one in different)
    if same and (central.flags ^ local.flags) & _ENCRYPTED == 0:
        return [by_directory]
    return [by_directory, by_header]


def _hidden(content: bytes, taken: list[tuple[int, int]]) -> Iterator[Entry]:
    """Entries that stand where the directory names none."""
    position, next_taken = 0, iter(taken)
    limit, behind = next(next_taken, (len(content), len(content)))
    while (at := content.find(_LOCAL, position)) >= 0:
        while at >= behind and behind < len(content):
            limit, behind = next(next_taken, (len(content), len(content)))
        if limit <= at < behind:
            position = behind
            continue
        entry = _local_entry(content, at)
        position = at + len(_LOCAL)
        if entry is None:
            continue
        if not entry.packed:
            # Without its size, its content goes to its own end, or to the next mark.
            following = content.find(b"PK", entry.data)
            stored_end = following if following >= 0 else len(content)
            packed = stored_end - entry.data if entry.method == _STORED else len(content) - entry.data
            entry = replace(entry, packed=packed, size=-1, checksum=-1)
        else:
            position = max(position, entry.end)
        yield entry


def _entries(content: bytes, seen: list[Entry], budget: Budget) -> Iterator[Member | Fault]:
    """The member that an entry is: of two views of it the second only if it has other content."""
    names = tuple(dict.fromkeys(entry.name for entry in seen))
    previous: bytes | None = None
    for entry in seen:
        if entry.name.endswith("/") and not entry.packed:
            continue
        budget.check_time()
        if entry.flags & (_ENCRYPTED | _MASKED):
            yield protected(entry.name)
            continue
        taken, fault = _unpacked(content, entry, budget)
        if taken is not None and taken != previous:
            yield Member(taken, entry.name, other_names=tuple(name for name in names if name != entry.name))
            previous = taken
        if fault:
            yield damaged(fault, entry.name)


def _unpacked(content: bytes, entry: Entry, budget: Budget) -> tuple[bytes | None, str]:
    """The content of an entry as far as it can be had, and what is wrong with it."""
    data = memoryview(content)[entry.data : entry.end]
    if entry.size > budget.limits.object_size:
        return None, budget.refuse(entry.size)
    try:
        if entry.method == _STORED:
            if len(data) > budget.room:
                raise streams.TooLarge
            taken, fault = bytes(data), ""
        elif entry.method in _STREAMS:
            taken, fault, _used = streams.expanded(_STREAMS[entry.method], data, budget.room)
        else:
            taken, fault = extract_entry(_alone(entry, data), budget.room), ""
    except streams.TooLarge:
        return None, budget.refuse(budget.room + 1)
    if not fault and entry.size >= 0 and len(taken) != entry.size:
        fault = f"{len(taken)} bytes came out of {entry.size}"
    if not fault and entry.checksum >= 0 and crc32(taken) != entry.checksum:
        fault = "its checksum is wrong"
    return taken, fault


def _alone(entry: Entry, data: memoryview) -> bytes:
    """An archive of this entry and nothing else, for methods that only 7-Zip knows."""
    name, size = b"entry", max(entry.size, 0)
    flags = entry.flags & ~(_SIZES_FOLLOW | _UTF8)
    common = (flags, entry.method, 0, 0, max(entry.checksum, 0), len(data), size, len(name), 0)
    local = _LOCAL_HEADER.pack(_LOCAL, 63, *common)
    central = _CENTRAL_HEADER.pack(_CENTRAL, 63, 63, *common, 0, 0, 0, 0, 0)
    start = len(local) + len(name) + len(data)
    end = _END_RECORD.pack(_END, 0, 0, 1, 1, len(central) + len(name), start, 0)
    return b"".join((local, name, data, central, name, end))
