"""Writes header fields with 8-bit bytes in ASCII: by encoded words (RFC 2047) and by RFC 2231."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.header import Header
from urllib.parse import quote

from gateway.domain.headers import decode_words

LONGEST_FIELD = 1 << 16
"""Bytes of a field that is written anew; real ones have a few thousand."""
LONGEST_SECTION = 60
"""Characters of a parameter's value on one line."""

_PHRASES = frozenset(
    (
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "resent-from",
        "resent-sender",
        "resent-reply-to",
        "resent-to",
        "resent-cc",
        "resent-bcc",
        "disposition-notification-to",
        "return-receipt-to",
        "errors-to",
        "keywords",
    )
)
"""Fields in which words stand beside addresses and signs (RFC 5322 §3.4)."""
_WITH_PARAMETERS = frozenset({"content-type", "content-disposition"})
_STRUCTURED = frozenset(
    (
        "return-path",
        "received",
        "date",
        "resent-date",
        "message-id",
        "resent-message-id",
        "in-reply-to",
        "references",
        "mime-version",
        "content-transfer-encoding",
        "content-id",
        "content-location",
        "content-language",
        "dkim-signature",
        "authentication-results",
        "received-spf",
        "arc-seal",
        "arc-message-signature",
        "arc-authentication-results",
        "list-id",
        "list-help",
        "list-subscribe",
        "list-unsubscribe",
        "list-post",
        "list-owner",
        "list-archive",
    )
)
"""Fields that have no place for encoded words. All others are free text (RFC 5322 §3.6.8)."""

_TOKEN = re.compile(
    rb'"(?P<quoted>(?:[^"\\]|\\.)*)"(?!@)|\((?P<comment>[^()]*)\)|<[^<>]*>|\\.'
    rb'|(?P<words>[^\s,;:<>()"\\]+(?:\s+[^\s,;:<>()"\\]+)*)',
    re.DOTALL,
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_PARAMETER = re.compile(
    rb';\s*(?P<name>[^\s=;*"]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^;"]*))', re.DOTALL
)


class Unencodable(ValueError):
    """The field has 8-bit bytes where its syntax has no place for encoded ones."""


def in_ascii(name: str, value: bytes) -> bytes:
    """The whole field, ended by CRLF; `value` stands behind the colon. Raises `Unencodable`."""
    kind, bare = name.lower(), value.strip()
    if len(bare) > LONGEST_FIELD:
        raise Unencodable(name)
    if kind in _WITH_PARAMETERS:
        written = _PARAMETER.sub(_parameter, bare)
    elif kind in _PHRASES:
        written = _TOKEN.sub(_phrase, bare)
    elif kind in _STRUCTURED:
        raise Unencodable(name)
    else:
        written = _words(bare, len(name) + 2)
    if not written.isascii():
        raise Unencodable(name)
    return name.encode("ascii") + b": " + written + b"\r\n"


def _words(text: bytes, column: int = 0) -> bytes:
    """Text as encoded words, folded; the first line begins behind so many characters."""
    header = Header(decode_words(text), "utf-8", maxlinelen=75, header_name="x" * max(column - 2, 0))
    return header.encode(linesep="\r\n").encode("ascii")


def _phrase(token: re.Match[bytes]) -> bytes:
    if token[0].isascii():
        return token[0]
    if token["quoted"] is not None:
        return _words(_ESCAPED.sub(rb"\1", token["quoted"]))
    if token["comment"] is not None:
        return b"(" + _words(token["comment"]) + b")"
    if token["words"] is not None and b"@" not in token["words"]:
        return _words(token["words"])
    return token[0]


def _parameter(parameter: re.Match[bytes]) -> bytes:
    quoted, plain = parameter["quoted"], parameter["plain"]
    value = plain.strip() if quoted is None else _ESCAPED.sub(rb"\1", quoted)
    if value.isascii():
        return parameter[0]
    if parameter["name"].lower() in (b"boundary", b"charset"):
        raise Unencodable("a parameter that has to be found again")
    return b"".join(_sections(parameter["name"].decode("latin-1"), decode_words(value)))


def _sections(name: str, value: str) -> Iterator[bytes]:
    """A parameter in as many sections as its value needs (RFC 2231 §3 and §4)."""
    encoded = quote(value, safe="")
    cut = re.findall(rf"(?:%..|[^%]){{1,{LONGEST_SECTION // 3}}}", encoded)
    if len(cut) == 1:
        yield f";\r\n {name}*=utf-8''{cut[0]}".encode("ascii")
        return
    for number, section in enumerate(cut):
        charset = "utf-8''" if number == 0 else ""
        yield f";\r\n {name}*{number}*={charset}{section}".encode("ascii")
