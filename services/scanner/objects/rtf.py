"""Objects that are embedded in RTF, written there in hexadecimal digits."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from services.scanner.objects.budget import Budget
from services.scanner.objects.members import Fault, Member, damaged
from services.scanner.objects.ole import packaged

_OBJECT = re.compile(rb"\\objdata\b")
_BRACE = re.compile(rb"[{}]")
_NO_DIGITS = re.compile(rb"\\'[0-9a-fA-F]{2}|\\[a-zA-Z]+-?\d* ?|\\[^a-zA-Z]|[^0-9a-fA-F]+")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def open_rtf(content: bytes, budget: Budget) -> Iterator[Member | Fault]:
    """What every `objdata` holds, and the file in it where it is one."""
    for found in _OBJECT.finditer(content):
        budget.check_time()
        digits = _NO_DIGITS.sub(b"", content[found.end() : _group_end(content, found.end())])
        blob = bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))
        if not blob:
            yield damaged("an object without content")
            continue
        yield Member(blob)
        at = blob.find(_OLE)
        if at > 0:
            yield Member(blob[at:])
        yield from _native(blob)


def _group_end(content: bytes, start: int) -> int:
    """Where the group that `start` is in ends."""
    depth = 0
    for brace in _BRACE.finditer(content, start):
        depth += 1 if brace[0] == b"{" else -1
        if depth < 0:
            return brace.start()
    return len(content)


def _native(blob: bytes) -> Iterator[Member | Fault]:
    """The file of the Object Packager, behind the header of OLE 1.0 ([MS-OLEDS] §2.2.4)."""
    try:
        _version, _form, length = struct.unpack_from("<3L", blob)
        name = blob[12 : 12 + length].rstrip(b"\0")
        position = 12 + length
        for _topic_and_item in range(2):
            position += 4 + struct.unpack_from("<L", blob, position)[0]
    except struct.error:
        return  # a header of another kind; the blob is an object already
    if name.lower() == b"package":
        yield from packaged(blob[position + 4 :])
