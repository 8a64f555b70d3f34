"""Files that stand inside a text in an encoding of their own: uuencode, yEnc, BinHex."""

from __future__ import annotations

import binascii
import re
import struct
from collections.abc import Iterator

from gateway.domain import transfer
from services.scanner.objects.budget import Budget
from services.scanner.objects.members import Fault, Member, damaged, decoded_name

_UU = re.compile(rb"^begin(-base64)? [0-7]{3,4} ([^\r\n]+)\r?\n", re.MULTILINE)
_UU_ENDS = {False: re.compile(rb"^end[ \t]*\r?$", re.MULTILINE), True: re.compile(rb"^====", re.MULTILINE)}

_YENC = re.compile(rb"^=ybegin ([^\r\n]*?)(?:name=([^\r\n]*))?\r?\n(?:=ypart [^\r\n]*\r?\n)?", re.MULTILINE)
_YENC_END = re.compile(rb"^=yend[^\r\n]*", re.MULTILINE)
_YENC_PART = re.compile(rb"\b(?:part=(\d+)|total=(\d+))")
_YENC_SIZE = re.compile(rb"\bsize=(\d{1,12})")
_SHIFTED = bytes((byte - 42) & 255 for byte in range(256))
_ESCAPED = bytes((byte - 64 - 42) & 255 for byte in range(256))

_BINHEX = re.compile(rb"\(This file must be converted with BinHex[^\n]*\n\s*:([^:]*)(:?)")
_BINHEX_ALPHABET = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
_BASE64_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TO_BASE64 = bytes.maketrans(_BINHEX_ALPHABET, _BASE64_ALPHABET)
_REPEAT = 0x90


def open_uuencoded(content: bytes, budget: Budget) -> Iterator[Member | Fault]:
    """Every file between a `begin` line and its end; one without an end goes on to the last line."""
    position = 0
    while found := _UU.search(content, position):
        budget.check_time()
        is_base64 = bool(found[1])
        end = _UU_ENDS[is_base64].search(content, found.end())
        name = decoded_name(found[2].strip())
        lines = content[found.end() : end.start() if end else len(content)]
        taken = transfer.decode(lines, transfer.BASE64) if is_base64 else transfer.uudecoded(lines)
        # What looks like a beginning behind one without an end may be one for another reader.
        position = end.end() if end else found.end()
        if taken or end:
            yield Member(taken, name)
        if taken and end is None:
            yield damaged("it has no end", name)


def open_yenc(content: bytes, budget: Budget) -> Iterator[Member | Fault]:
    """Every file between `=ybegin` and `=yend` (yEnc 1.3)."""
    for found in _YENC.finditer(content):
        budget.check_time()
        name = decoded_name((found[2] or b"").strip())
        end = _YENC_END.search(content, found.end())
        taken = _from_yenc(content[found.end() : end.start() if end else len(content)])
        yield Member(taken, name)
        numbers = [int(number or total) for number, total in _YENC_PART.findall(found[1])]
        size = _YENC_SIZE.search(end[0] if end else b"")
        if any(number > 1 for number in numbers):
            yield damaged("one of several parts", name)
        elif size is None or int(size[1]) != len(taken):
            yield damaged("it ends too early", name)


def _from_yenc(lines: bytes) -> bytes:
    first, *escaped = lines.translate(None, b"\r\n").split(b"=")
    pieces = [first.translate(_SHIFTED)]
    for piece in escaped:
        pieces += (piece[:1].translate(_ESCAPED), piece[1:].translate(_SHIFTED))
    return b"".join(pieces)


def open_binhex(content: bytes, budget: Budget) -> Iterator[Member | Fault]:
    """The two forks of the file that BinHex 4.0 carries (RFC 1741, appendix A)."""
    found = _BINHEX.search(content)
    if found is None:
        yield damaged("there is nothing behind its mark")
        return
    packed = found[1].translate(_TO_BASE64, b"\r\n\t ")
    repeated = binascii.a2b_base64(packed[: len(packed) // 4 * 4] + _padded(packed[len(packed) // 4 * 4 :]))
    room = budget.room
    plain = _without_repeats(repeated, room)
    if len(plain) > room:
        yield damaged(budget.refuse(len(plain)))
        return
    length = plain[0] if plain else 0
    name = decoded_name(plain[1 : 1 + length], "mac-roman")
    sizes_at = 1 + length + 11
    if len(plain) < sizes_at + 10:
        yield damaged("its header is cut off")
        return
    data_size, resource_size = struct.unpack_from(">LL", plain, sizes_at)
    data_at = sizes_at + 10
    resource_at = data_at + data_size + 2
    yield Member(plain[data_at : data_at + data_size], name)
    if resource_size:
        yield Member(plain[resource_at : resource_at + resource_size], f"{name}/resource")
    if resource_at + resource_size > len(plain) or not found[2]:
        yield damaged("it ends too early", name)


def _padded(rest: bytes) -> bytes:
    return b"" if len(rest) < 2 else rest + b"=" * (4 - len(rest))


def _without_repeats(repeated: bytes, room: int) -> bytes:
    """The bytes with their runs written out, hardly more than `room` of them."""
    pieces = repeated.split(bytes([_REPEAT]))
    plain = bytearray(pieces[0])
    for piece in pieces[1:]:
        count = piece[0] if piece else 0
        if count == 0:
            plain.append(_REPEAT)
        elif plain:
            plain += plain[-1:] * (count - 1)
        plain += piece[1:]
        if len(plain) > room:
            break
    return bytes(plain)
