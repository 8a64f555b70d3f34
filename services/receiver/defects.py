"""What messages have that the standards do not allow."""

from __future__ import annotations

from enum import StrEnum


class Defect(StrEnum):
    """One kind of it, in words for the log and for the client."""

    BARE_LINE_END = "bare <CR> or <LF> line ends"
    NUL = "NUL bytes"
    LONG_LINE = "lines of more than 998 bytes"
    NO_SEPARATOR = "no empty line behind the header"
    NO_COLON = "header lines without a colon"
    EIGHT_BIT_HEADER = "8-bit text in the header"
