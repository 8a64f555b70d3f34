"""`Authentication-Results` fields (RFC 8601): written, read, and found where they claim to be ours."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.authentication.header import Header
from gateway.authentication.names import LONGEST_NAME, plain_domain
from gateway.authentication.structured import folded, is_quoted, tokens, unquoted
from gateway.domain.authentication import Arc, Authentication, Dkim, Dmarc, Identity, Result, Spf

FIELD = "Authentication-Results"

MOST_FORGED = 100
"""Runs of fields that claim to be ours. What takes them away travels with the mail."""

_NOT_PRINTABLE = re.compile(r"[^ -~]")
_TOKEN = re.compile(r"[!#-'*+.0-9A-Z^-~-]+")  # RFC 2045 §5.1
_TO_ESCAPE = re.compile(r'["\\]')
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_RESULT = r"\s*{method}\s*(?:/\s*[0-9]+\s*)?=\s*([a-z]+)"


class TooManyClaims(Exception):
    """A message has more fields that claim to be ours than anybody takes away."""


def results_field(hostname: str, found: Authentication) -> bytes:
    """The field that says what was found out, with `hostname` as the one who found it out."""
    results = [folded(words[0], words[1:]) for words in _results(found)] or ["none"]
    return ";\r\n\t".join([f"{FIELD}: {hostname}", *results]).encode("ascii") + b"\r\n"


def forged_fields(header: Header, hostname: str) -> tuple[tuple[int, int], ...]:
    """Where the fields stand that claim to be ours: bytes from and to. Raises `TooManyClaims`.

    They are to be taken away (RFC 8601 §5). Neighbours are told as one.
    """
    runs: list[tuple[int, int]] = []
    for field in header.named(FIELD):
        if not claims(header.value(field), hostname):
            continue
        if runs and runs[-1][1] == field.start:
            runs[-1] = runs[-1][0], field.end
        else:
            runs.append((field.start, field.end))
    if len(runs) > MOST_FORGED:
        raise TooManyClaims(f"{len(runs)} fields say that {hostname} has looked at the message before")
    return tuple(runs)


def claims(value: bytes, hostname: str) -> bool:
    """Whether a field says that it is of `hostname`, in whatever way a lenient reader could find that."""
    before, _, _ = "".join(_said(value)).partition(";")
    words = _CONTROLS.sub(" ", before).split()
    compact = "".join(words)
    # The version that may follow the name is seen apart from it even where no white space does that.
    possible = (*words[:1], compact, compact.rstrip("0123456789"))
    return plain_domain(hostname) in map(plain_domain, possible)


def result_of(method: str, value: bytes) -> Result | None:
    """What a field says of a method; None when it says nothing that is known."""
    text = "".join('""' if is_quoted(token) else token for token in tokens(value))
    for part in text.split(";"):
        found = re.match(_RESULT.format(method=method), part, re.IGNORECASE)
        if found and found[1].lower() in {*Result}:
            return Result(found[1].lower())
    return None


def _said(value: bytes) -> Iterator[str]:
    for token in tokens(value):
        yield unquoted(token) if is_quoted(token) else token


def _results(found: Authentication) -> Iterator[list[str]]:
    if found.spf is not None:
        yield _of_spf(found.spf)
    if found.dkim is not None:
        yield from map(_of_dkim, found.dkim or (Dkim(Result.NONE),))
    if found.dmarc is not None:
        yield _of_dmarc(found.dmarc)
    if found.arc is not None:
        yield _of_arc(found.arc)


def _of_spf(spf: Spf) -> list[str]:
    is_error = spf.result in (Result.TEMPERROR, Result.PERMERROR)
    identity = "smtp.helo" if spf.identity is Identity.HELO else "smtp.mailfrom"
    return [f"spf={spf.result}", *_reason(spf.reason if is_error else ""), *_property(identity, spf.domain)]


def _of_dkim(dkim: Dkim) -> list[str]:
    return [
        f"dkim={dkim.result}",
        *(["(test mode)"] if dkim.testing else []),
        *_reason(dkim.reason),
        *_property("header.d", dkim.domain),
        *_property("header.s", dkim.selector),
        *_property("header.a", dkim.algorithm),
        *_property("header.b", dkim.start),
    ]


def _of_dmarc(dmarc: Dmarc) -> list[str]:
    request = [] if dmarc.result is Result.NONE else _property("policy.dmarc", dmarc.request)
    return [
        f"dmarc={dmarc.result}",
        *_reason(dmarc.reason),
        *_property("header.from", dmarc.domain),
        *request,
    ]


def _of_arc(arc: Arc) -> list[str]:
    return [f"arc={arc.result}", *_reason(arc.reason)]


def _reason(text: str) -> list[str]:
    return [f"reason={_quoted(text)}"] if text else []


def _property(name: str, value: str) -> list[str]:
    if not value:
        return []
    shown = value[:LONGEST_NAME]
    return [f"{name}={shown if _TOKEN.fullmatch(shown) else _quoted(shown)}"]


def _quoted(text: str) -> str:
    printable = _NOT_PRINTABLE.sub("?", text)
    return f'"{_TO_ESCAPE.sub(_escaped, printable)}"'


def _escaped(found: re.Match[str]) -> str:
    return f"\\{found[0]}"
