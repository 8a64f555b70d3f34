"""Compressed streams: one content each, with no directory (gzip, bzip2, xz, lzma, zstd)."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import backports.zstd as zstd

from services.scanner.objects.budget import Budget
from services.scanner.objects.members import Fault, Member, Opener, damaged, decoded_name

FED = 1 << 16
"""Bytes that a stream is given at once: the rest of them, behind its end, is copied."""

PIECE = 1 << 20
"""Bytes that it gives at once."""

MOST_LZMA_MEMORY = 256 << 20
"""Bytes that a stream may make its reader set aside."""

MOST_ZSTD_WINDOW = 27
"""Two to this power is the largest window that is accepted, as `zstd` itself does unless told otherwise."""


class Decompressor(Protocol):
    """What the decompressors of the standard library have in common."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out without more going in."""

    @property
    def unused_data(self) -> bytes:
        """What follows the stream."""

    def decompress(self, content: bytes | memoryview, max_length: int) -> bytes:
        """At most `max_length` bytes more."""


class _Zlib:
    """`zlib` with the same face as the others."""

    def __init__(self, window: int) -> None:
        self._stream = zlib.decompressobj(window)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, content: bytes | memoryview, max_length: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + content, max_length)


def deflated() -> Decompressor:
    """For a deflate stream without a header, as it stands in archives."""
    return _Zlib(-15)


def zlib_stream() -> Decompressor:
    """For a deflate stream with the header of zlib."""
    return _Zlib(15)


def xz_stream() -> Decompressor:
    """For xz."""
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MOST_LZMA_MEMORY)


def zstd_stream() -> Decompressor:
    """For Zstandard."""
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: MOST_ZSTD_WINDOW})


def _gzip() -> Decompressor:
    return _Zlib(31)


def _lzma_alone() -> Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MOST_LZMA_MEMORY)


class TooLarge(Exception):
    """More came out than there was room for."""


def expanded(make: Callable[[], Decompressor], content: memoryview, room: int) -> tuple[bytes, str, int]:
    """What a stream gives, why it gives no more ("" at its end), and how many bytes of `content` it has.

    Raises `TooLarge` when that would be more than `room` bytes.
    """
    stream = make()
    pieces: list[bytes] = []
    size, taken = 0, 0
    try:
        while not stream.eof:
            fed = content[taken : taken + FED] if stream.needs_input else b""
            taken += len(fed)
            piece = stream.decompress(fed, min(PIECE, room - size + 1))
            pieces.append(piece)
            size += len(piece)
            if size > room:
                raise TooLarge
            if not piece and not fed and not stream.eof:
                return b"".join(pieces), "it ends too early", taken
    except (zlib.error, OSError, lzma.LZMAError, zstd.ZstdError, EOFError, ValueError) as error:
        return b"".join(pieces), str(error) or type(error).__name__, taken
    return b"".join(pieces), "", taken - len(stream.unused_data)


def open_stream(make: Callable[[], Decompressor], name: Callable[[bytes], str]) -> Opener:
    """An opener for streams of that sort; several of them behind each other are one content."""

    def open_it(content: bytes, budget: Budget) -> Iterator[Member | Fault]:
        whole: list[bytes] = []
        size, position = 0, 0
        view = memoryview(content)
        while position < len(content):
            budget.check_time()
            try:
                piece, fault, used = expanded(make, view[position:], budget.room - size)
            except TooLarge:
                yield damaged(budget.refuse(budget.room + 1))
                return
            # Behind the first stream there may be anything: most programs pass over it, and so do we.
            if fault and whole:
                break
            whole.append(piece)
            size += len(piece)
            position += used
            if fault:
                yield damaged(fault)
                break
        if size or not whole:
            yield Member(b"".join(whole), name(content))

    return open_it


def no_name(_content: bytes) -> str:
    """These streams do not say what they are called."""
    return ""


def _gzip_name(content: bytes) -> str:
    """The name in the header (RFC 1952 §2.3.1)."""
    flags, position = content[3], 10
    if flags & 4:
        position += 2 + struct.unpack_from("<H", content, position)[0]
    end = content.find(b"\0", position, position + 1024)
    return decoded_name(content[position:end], "latin-1") if flags & 8 and end > 0 else ""


open_gzip = open_stream(_gzip, _gzip_name)
open_bzip2 = open_stream(bz2.BZ2Decompressor, no_name)
open_xz = open_stream(xz_stream, no_name)
open_lzma = open_stream(_lzma_alone, no_name)
open_zstd = open_stream(zstd_stream, no_name)
