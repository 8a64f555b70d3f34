"""Text from bytes, whatever charset a message says that it has, and whatever it has instead."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from turbohtml.detect import detect

from gateway.domain.headers import decode_charset

LOOKED_AT = 4096
"""Bytes by which a charset is told that nobody named."""

MOST_DAMAGED = 0.02
"""Share of characters that may be broken in text of the charset that a message names."""

# Mail programs read these names as what they extend (WHATWG Encoding §4.2), for that is what was written.
_READ_AS: Mapping[str, str] = MappingProxyType(
    {
        "us-ascii": "cp1252",
        "ascii": "cp1252",
        "iso-8859-1": "cp1252",
        "iso8859-1": "cp1252",
        "latin1": "cp1252",
        "iso-8859-9": "cp1254",
        "iso-8859-11": "cp874",
        "tis-620": "cp874",
        "gb2312": "gb18030",
        "gbk": "gb18030",
        "x-gbk": "gb18030",
        "gb_2312-80": "gb18030",
        "big5": "big5hkscs",
        "shift_jis": "cp932",
        "shift-jis": "cp932",
        "sjis": "cp932",
        "x-sjis": "cp932",
        "windows-31j": "cp932",
        "iso-2022-jp": "iso2022_jp_ext",
        "euc-kr": "cp949",
        "ks_c_5601-1987": "cp949",
        "ks_c_5601": "cp949",
        "iso-2022-cn": "gb18030",
        "iso-8859-8-i": "iso-8859-8",
        "unicode-1-1-utf-7": "utf-7",
        "utf8mb4": "utf-8",
        "unicode": "utf-16",
    }
)
_SAYS_NOTHING = frozenset({"us-ascii", "ascii", "ansi_x3.4-1968", "unknown-8bit", "x-unknown", "default", ""})
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_SURROGATES = "utf-16"


def text_of(content: bytes, declared: str = "") -> tuple[str, str]:
    """The text of `content`, and the charset that it was read by. Never raises.

    The declared charset counts if the bytes are of it, with a little damage at most. Else they are UTF-8 if
    they can be, or of what they look like.
    """
    for mark, charset in _MARKS:
        if content.startswith(mark):
            return _damaged(content, charset).removeprefix("\ufeff"), charset
    if content.isascii() and (declared in _SAYS_NOTHING or declared in _ASCII_IN_ASCII):
        if not declared and b"\x1b$" in content:
            return _damaged(content, "iso2022_jp_ext"), "iso-2022-jp"
        return content.decode("ascii"), declared or "us-ascii"
    for charset in _candidates(content, declared):
        try:
            return _whole(decode_charset(content, _READ_AS.get(charset, charset))), charset
        except (LookupError, ValueError):
            continue
    return _repaired(content, declared)


_ASCII_IN_ASCII = frozenset({"utf-8", "utf8", "iso-8859-1", "windows-1252", "windows-1251", "iso-8859-15"})
"""The most frequent of those that have ASCII where ASCII is."""


def _candidates(content: bytes, declared: str) -> Iterator[str]:
    """What the bytes may be read by as they are, without damage."""
    if declared not in _SAYS_NOTHING:
        yield declared
    yield "utf-8"
    if declared in _SAYS_NOTHING:
        detected = _detected(content)
        if detected:
            yield detected


def _repaired(content: bytes, declared: str) -> tuple[str, str]:
    """Damaged text, by the charset that loses least of it."""
    for charset in (declared, "utf-8", _detected(content)):
        text = _damaged(content, charset) if charset else ""
        if text and text.count("\ufffd") <= MOST_DAMAGED * len(text):
            return text, charset
    return content.decode("cp1252", "replace"), "windows-1252"


def _detected(content: bytes) -> str:
    start = content[:LOOKED_AT]
    return (detect(start).encoding or "").lower()


def _damaged(content: bytes, charset: str) -> str:
    """The text with U+FFFD for what is broken; "" if there is no such charset."""
    try:
        decode_charset(b"", _READ_AS.get(charset, charset))
        return _whole(content.decode(codecs.lookup(_READ_AS.get(charset, charset)).name, "replace"))
    except (LookupError, ValueError):
        return ""


def _whole(text: str) -> str:
    """Some charsets can spell half a surrogate pair, which no text may hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(_SURROGATES, "surrogatepass").decode(_SURROGATES, "replace")
    return text
