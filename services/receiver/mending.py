"""Makes a message conformant as it comes in, at the smallest place possible (RFC 5322 §2).

Pure and incremental: bytes come in pieces cut anywhere, and the result never depends on the cuts. What is
conformant already comes out byte for byte. A piece of an ordinary body is looked through by a few calls
of C code and not copied.
"""

from __future__ import annotations

from collections.abc import Callable
from io import IncrementalNewlineDecoder
from itertools import pairwise

from services.receiver.defects import Defect
from services.receiver.eightbit import in_ascii
from services.receiver.folding import Folding, even_width, folded_header, has_long_line
from services.receiver.headerblock import MOST_UNDECIDED, Header, HeaderBlock

MOST_HEADER_LINES = 10_000
"""Lines of a header. Each costs every stage some microseconds, however short it is."""

_COLON = b"X-Malformed: "
"""What makes a field of a line that is none, without giving it a meaning."""


class Mending:
    """One message. `utf8` says that its header may be UTF-8 (RFC 6532).

    `watch` sees it with clean line ends but before anything else of it is changed: as it was signed.
    """

    def __init__(
        self, *, utf8: bool, most_header_bytes: int, watch: Callable[[bytes], None] | None = None
    ) -> None:
        self.header = b""
        """The header as it is now, with its empty line. Known when some of the message came out."""
        self.header_too_big = False
        self._utf8 = utf8
        self._watch = watch
        self._most_header_bytes = most_header_bytes
        self._block: HeaderBlock | None = HeaderBlock()  # None behind the header
        self._folding = Folding()
        self._defects: set[Defect] = set()
        self._cr = b""  # one that ended the last piece: what follows decides about it

    @property
    def defects(self) -> frozenset[Defect]:
        """What was found and mended so far."""
        return frozenset(self._defects | {Defect.LONG_LINE} if self._folding.folded else self._defects)

    def take(self, piece: bytes) -> bytes:
        """What is certain of the message with this piece. Not to be called once the header is too big."""
        if self._cr:
            piece, self._cr = self._cr + piece, b""
        if piece.endswith(b"\r"):
            piece, self._cr = piece[:-1], b"\r"
        if self._block is None and b"\0" not in piece and (width := even_width(piece)):
            return self._folding.take(piece, width=width)
        return self._in_order(self._clean(piece))

    def end(self) -> bytes:
        """What is left: the message has come to its end."""
        left = self._in_order(self._clean(self._cr))
        if self._block is not None:
            left += self._behind_header(*self._block.end())
        return left + self._folding.end()

    def _clean(self, piece: bytes) -> bytes:
        """The piece with CRLF for any line end, and without NUL."""
        if _line_ends(piece) not in (None, "\r\n"):
            self._defects.add(Defect.BARE_LINE_END)
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        if b"\0" in piece:
            self._defects.add(Defect.NUL)
            piece = piece.replace(b"\0", b"")
        if self._watch is not None:
            self._watch(piece)
        return piece

    def _in_order(self, piece: bytes) -> bytes:
        if self._block is None:
            return self._folding.take(piece)
        parted = self._block.add(piece)
        if parted is not None:
            return self._behind_header(*parted)
        self.header_too_big = self._block.size > self._most_header_bytes + MOST_UNDECIDED
        return b""

    def _behind_header(self, header: Header, body: bytes) -> bytes:
        self._block = None
        lines = header.block.count(b"\n")
        self.header_too_big = len(header.block) > self._most_header_bytes or lines > MOST_HEADER_LINES
        if self.header_too_big:
            return b""
        self.header = self._mended(header)
        return self.header + self._folding.take(body)

    def _mended(self, header: Header) -> bytes:
        block = header.block
        if header.colons_missing:
            self._defects.add(Defect.NO_COLON)
            ends = (0, *header.colons_missing, len(block))
            block = _COLON.join(block[start:end] for start, end in pairwise(ends))
        if header.separator_missing:
            self._defects.add(Defect.NO_SEPARATOR)
            block += b"\r\n"
        if not (block.isascii() or (self._utf8 and _is_utf8(block))):
            self._defects.add(Defect.EIGHT_BIT_HEADER)
            block = in_ascii(block)
        if has_long_line(block):
            self._defects.add(Defect.LONG_LINE)
            block = folded_header(block)
        return block


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _line_ends(piece: bytes) -> str | tuple[str, ...] | None:
    """Which of CR, LF and CRLF end lines in `piece`, found in one pass: three counts take four."""
    reader = IncrementalNewlineDecoder(None, translate=False)
    reader.decode(piece.decode("latin-1"), final=True)
    return reader.newlines
