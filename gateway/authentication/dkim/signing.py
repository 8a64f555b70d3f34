"""Signing as DKIM does: in the form `relaxed`, with SHA-256."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gateway.authentication.dkim.bodyhash import Coverage
from gateway.authentication.dkim.canonical import Canonicalization, canonical_field
from gateway.authentication.dkim.keys import OwnKey
from gateway.authentication.header import Header
from gateway.authentication.structured import folded

RELAXED = Canonicalization.RELAXED

COVERAGE = Coverage(RELAXED)
"""What our signatures cover of a body."""

SIGNED = (
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "auto-submitted",
    "dkim-signature",
)
"""The fields that our signatures cover where a message has them: what a reader sees, or a filter asks."""

MOST_OF_ONE_NAME = 8
"""Fields of one name that are covered, from the bottom."""

_LONGEST_WORD = 900  # a line has 998 at most (RFC 5322 §2.1.1)
_CUTS = re.compile(rf".{{1,{_LONGEST_WORD}}}(?:(?<=:)|\Z)|[^:]+:?")


def sign_message(
    name: str,
    tags: Mapping[str, str],
    header: Header,
    names: Iterable[str],
    body_hash: bytes,
    key: OwnKey,
    order: Sequence[str],
) -> bytes:
    """A field `name` that signs a message: `names` of its header, and the hash of its body by `COVERAGE`."""
    present = [*_present(header, names)]
    chosen = [header.canonical(field, RELAXED) for field in header.chosen(present)]
    of_message = {"c": f"{RELAXED}/{RELAXED}", "h": ":".join(present), "bh": _base64(body_hash)}
    return sign(name, {**tags, **of_message}, chosen, key, order)


def sign(
    name: str, tags: Mapping[str, str], before: Iterable[bytes], key: OwnKey, order: Sequence[str]
) -> bytes:
    """A field `name` that signs itself and what stands `before` it, which is canonical already.

    `order` is that of its tags; the algorithm and the signature are added to them.
    """
    with_algorithm = {**tags, "a": key.algorithm.value}
    unsigned = _field(name, {**with_algorithm, "b": ""}, order)
    canonical = canonical_field(name, unsigned, len(name), RELAXED).removesuffix(b"\r\n")
    return _field(name, {**with_algorithm, "b": _base64(key.sign(b"".join([*before, canonical])))}, order)


def _present(header: Header, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield from [name] * min(len(header.named(name)), MOST_OF_ONE_NAME)


def _field(name: str, tags: Mapping[str, str], order: Sequence[str]) -> bytes:
    present = [tag for tag in order if tag in tags]
    words = [word for tag in present for word in _words(tag, tags[tag], last=tag == present[-1])]
    return f"{folded(f'{name}:', words)}\r\n".encode("ascii")


def _words(tag: str, value: str, *, last: bool) -> Iterator[str]:
    """A tag; only one too long for a line is cut, where white space counts for nothing.

    In a seal it would count: b= of the message signature is covered with the white space that it has.
    """
    text = f"{tag}={value}{'' if last else ';'}"
    if tag == "b":
        yield from (text[at : at + _LONGEST_WORD] for at in range(0, len(text), _LONGEST_WORD))
    elif tag == "h":
        yield from _CUTS.findall(text)
    else:
        yield text


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
