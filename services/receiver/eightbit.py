"""Writes the 8-bit text of a header in ASCII, each word as its place in its field allows.

Text becomes encoded words (RFC 2047), a parameter takes the form with an asterisk (RFC 2231). Whatever is
ASCII stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.base64mime import body_encode
from urllib.parse import quote_from_bytes

from gateway.domain.headers import decode_charset

_UNKNOWN = "unknown-8bit"  # RFC 1428 §3
_MOST_ENCODED = 36
"""Bytes in one encoded word, which has at most 75 characters with its charset (RFC 2047 §2)."""

_FIELDS = re.compile(rb"[^\n]*+\n?(?:[ \t][^\n]*+\n?)*+")
_CHARSET = re.compile(rb"""charset=["']?([\w.:-]{1,16})""", re.IGNORECASE)
_FOLD = re.compile(rb"\r\n(?=[ \t])")

# No alternative can fail behind its first byte, so that reading takes no longer than the value is long.
_QUOTED = rb'"(?:[^"\\]|\\.)*+(?:"|\Z)'
_WORDS = re.compile(rb"\s+|\S+")
_PHRASES = re.compile(rb"\s+|" + _QUOTED + rb'|[^\s<>()\[\],;:@\\"]+|.', re.DOTALL)

_NAME = rb"[!#$&+^_`{}~0-9A-Za-z-]"
_PARAMETER = re.compile(
    rb"(?<!" + _NAME + rb")(" + _NAME + rb"{1,64}+)(\*?)=(" + _QUOTED + rb'|[^\s;"]+)', re.DOTALL
)
_ASCII = bytes(range(0x21, 0x7F)).decode("ascii")

_WITH_ADDRESSES = frozenset(
    {"bcc", "cc", "delivered-to", "disposition-notification-to", "errors-to", "from", "reply-to"}
    | {"resent-bcc", "resent-cc", "resent-from", "resent-sender", "resent-to", "return-path", "sender", "to"}
)
_WITH_PARAMETERS = frozenset({"content-disposition", "content-type"})


def in_ascii(header: bytes) -> bytes:
    """The header without 8-bit bytes. Text that is no UTF-8 is taken for the charset that the body has."""
    if header.isascii():
        return header
    named = _CHARSET.search(header)
    charset = named[1].decode("ascii") if named else _UNKNOWN
    return b"".join(_field_in_ascii(field, charset) for field in _FIELDS.findall(header))


def _field_in_ascii(field: bytes, charset: str) -> bytes:
    if field.isascii():
        return field
    name, colon, value = field.partition(b":")
    match name.strip().lower().decode("latin-1"):
        case known if known in _WITH_ADDRESSES:
            return name + colon + _encoded(value, _PHRASES, charset)
        case known if known in _WITH_PARAMETERS:
            value = _PARAMETER.sub(lambda found: _parameter(found, charset), value)
            return name + colon + _encoded(value, _PHRASES, charset)
        case _:
            return _encoded(name, _WORDS, charset) + colon + _encoded(value, _WORDS, charset)


def _encoded(value: bytes, tokens: re.Pattern[bytes], charset: str) -> bytes:
    """The 8-bit tokens of a value as encoded words.

    White space between two encoded words is not shown (RFC 2047 §6.2), so it becomes part of the second.
    """
    written: list[bytes] = []
    space, after_encoded = b"", False
    for token in tokens.findall(value):
        if token.isspace():
            space = token
            continue
        if token.isascii():
            written += (space, token)
        elif after_encoded:
            written += (b"\r\n ", _encoded_words(_FOLD.sub(b"", space) + _unquoted(token), charset))
        else:
            written += (space, _encoded_words(_unquoted(token), charset))
        space, after_encoded = b"", not token.isascii()
    return b"".join((*written, space))


def _encoded_words(text: bytes, charset: str) -> bytes:
    charset, characters = _characters(text, charset)
    words, word = [], b""
    for character in characters:
        if len(word) + len(character) > _MOST_ENCODED:
            words.append(word)
            word = b""
        word += character
    return b"\r\n ".join(
        f"=?{charset}?b?{body_encode(part, maxlinelen=200, eol='')}?=".encode("ascii")
        for part in (*words, word)
    )


def _characters(text: bytes, charset: str) -> tuple[str, Iterator[bytes]]:
    """The charset of a text, and its characters: an encoded word has whole ones (RFC 2047 §5)."""
    for possible in ("utf-8", charset):
        try:
            decoded = decode_charset(text, possible)
            if b"".join(characters := [each.encode(possible) for each in decoded]) == text:
                return possible, iter(characters)
        except (LookupError, ValueError):
            continue
    return _UNKNOWN, (text[at : at + 1] for at in range(len(text)))


def _parameter(found: re.Match[bytes], charset: str) -> bytes:
    name, star, value = found.groups()
    if value.isascii():
        return found[0]
    if star:
        return b"".join((name, b"*=", quote_from_bytes(value, safe=_ASCII).encode("ascii")))
    content = _FOLD.sub(b"", _unquoted(value))
    charset, _ = _characters(content, charset)
    return b"".join((name, b"*=", f"{charset}''{quote_from_bytes(content, safe='')}".encode("ascii")))


def _unquoted(token: bytes) -> bytes:
    """What a quoted string means; any other token, or one that is not closed, means itself."""
    if len(token) < 2 or not (token.startswith(b'"') and token.endswith(b'"')):
        return token
    return re.sub(rb"\\(.)", rb"\1", token[1:-1], flags=re.DOTALL)
