"""Values of the form `token; name=value; name="value"`, as Content-Type and Content-Disposition have them.

Reads what RFC 2045 and RFC 2231 say, and what real mail writes instead: names with spaces and no quotes,
quotes that nobody closes, encoded words inside quotes, 8-bit bytes, semicolons left out or doubled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from gateway.domain.headers import decode_charset, decode_words

LONGEST_VALUE = 1 << 14
"""Bytes of a value that are read; real ones have a few hundred."""

_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_SEGMENT = re.compile(rb'(?:[^";]+|"(?:[^"\\]|\\.)*(?:"|\\?\Z))+', re.DOTALL)
_COMMENT = re.compile(rb"\([^()]*\)")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)', re.DOTALL)
_ESCAPED_QUOTE = re.compile(rb'\\(["\\])')
_SECTION = re.compile(rb"([^*]+)(?:\*(\d{1,4}))?(\*?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Parameter:
    """The value of one parameter: its bytes, and the charset that RFC 2231 gives them."""

    content: bytes
    charset: str = ""  # "": none was given

    @property
    def text(self) -> str:
        """The value as a person reads it."""
        if not self.charset:
            return decode_words(self.content)
        try:
            text = decode_charset(self.content, self.charset)
        except (LookupError, ValueError):  # an unknown charset, or bytes that are not in it
            return decode_words(self.content)
        # Some charsets can spell half a surrogate pair, which no text may hold.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


Parameters = Mapping[str, Parameter]


def parse(value: bytes) -> tuple[str, Parameters]:
    """The token before the first semicolon, lower case, and the parameters by their lower-case names.

    Of a parameter that is given twice the first one counts; the form of RFC 2231 goes before the plain one.
    """
    unfolded = _FOLD.sub(b"", value[:LONGEST_VALUE])
    head, semicolon, rest = unfolded.partition(b";")
    if b"=" in head:  # the first semicolon is missing, or there is no token at all
        words = head.split(None, 1)
        head, rest = (b"", unfolded) if b"=" in words[0] else (words[0], words[1] + semicolon + rest)
    return head.strip().decode("latin-1").lower(), _joined(_SEGMENT.findall(rest))


def every(value: bytes, name: str) -> tuple[Parameter, ...]:
    """All values of one parameter that readers could take: when it is given twice, or in two forms."""
    unfolded = _FOLD.sub(b"", value[:LONGEST_VALUE])
    found: dict[bytes, Parameter] = {}
    for reading in dict.fromkeys((unfolded, _COMMENT.sub(b"", unfolded))):
        for segment in _SEGMENT.findall(reading):
            raw_name, equals, raw_value = segment.partition(b"=")
            words = raw_name.lower().split()
            if equals and words and words[-1] == name.encode():
                content = _unquoted(raw_value.strip())
                found.setdefault(content, Parameter(content))
                unquoted = raw_value.strip(b' \t\r\n"')
                found.setdefault(unquoted, Parameter(unquoted))
        assembled = parse(reading)[1].get(name)
        if assembled:
            found.setdefault(assembled.content, assembled)
    return tuple(found.values())


_Sections = dict[int, tuple[bytes, bool]]  # number of a section → its bytes, and whether they are encoded


def _joined(segments: list[bytes]) -> Parameters:
    plain: dict[str, Parameter] = {}
    extended: dict[str, _Sections] = {}
    for segment in segments:
        raw_name, equals, raw_value = segment.partition(b"=")
        section = _SECTION.fullmatch(raw_name.strip().lower())
        if not equals or section is None:
            continue
        name, content = section[1].decode("latin-1"), _unquoted(raw_value.strip())
        if section[2] is None and not section[3]:
            plain.setdefault(name, Parameter(content))
        else:
            extended.setdefault(name, {}).setdefault(int(section[2] or 0), (content, bool(section[3])))
    return plain | {name: _assembled(sections) for name, sections in extended.items() if 0 in sections}


def _unquoted(value: bytes) -> bytes:
    quoted = _QUOTED.match(value)
    # Only quotes and backslashes lose their backslash: real mail quotes `C:\temp` as it stands.
    return _ESCAPED_QUOTE.sub(rb"\1", quoted[1]) if quoted else value


def _assembled(sections: _Sections) -> Parameter:
    """One value from the sections 0, 1, ... as far as they go (RFC 2231 §3 and §4)."""
    content, charset = b"", b""
    number = 0
    while number in sections:
        piece, encoded = sections[number]
        if encoded and number == 0 and piece.count(b"'") >= 2:
            charset, _language, piece = piece.split(b"'", 2)
        content += unquote_to_bytes(piece) if encoded else piece
        number += 1
    return Parameter(content, charset.decode("latin-1").lower())
