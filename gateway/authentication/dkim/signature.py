"""Signatures over messages: DKIM's own, and ARC's, which say the same in the same words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.authentication.dkim.bodyhash import BodyHash, Coverage
from gateway.authentication.dkim.canonical import Canonicalization, canonical_field
from gateway.authentication.dkim.keys import Algorithm, Key, Signer
from gateway.authentication.header import Header
from gateway.authentication.names import plain_domain
from gateway.authentication.tags import TagError, from_base64, number, required, words
from gateway.domain.headers import Field

CLOCK_SKEW = 300
"""Seconds by which the clock of a signer may be wrong."""

_VALUE_OF_B = re.compile(rb"((?:\A|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature says of itself, apart from who speaks in i=."""

    field: Field
    signer: Signer
    value: bytes  # b=
    names: tuple[str, ...]  # h=, in lower case
    form: Canonicalization  # of the header
    coverage: Coverage  # of the body
    body_hash: bytes  # bh=
    signed_at: int | None = None
    expires_at: int | None = None


def read_signature(header: Header, field: Field, tags: Mapping[str, str]) -> Signature:
    """What DKIM-Signature and ARC-Message-Signature have in common. Raises `TagError`."""
    header_form, body_form = _forms(tags.get("c", "simple/simple"))
    signed_at, expires_at = number(tags, "t"), number(tags, "x")
    if signed_at is not None and expires_at is not None and expires_at <= signed_at:
        raise TagError("it expired before it was made")
    return Signature(
        field,
        read_signer(tags),
        from_base64(required(tags, "b"), "b"),
        words(_given(tags, "h")),  # of ARC it may be empty
        header_form,
        Coverage(body_form, number(tags, "l")),
        from_base64(required(tags, "bh"), "bh"),
        signed_at,
        expires_at,
    )


def read_signer(tags: Mapping[str, str]) -> Signer:
    """Who signed, and how. Raises `TagError`."""
    written = required(tags, "a")
    try:
        algorithm = Algorithm(written)
    except ValueError:
        raise TagError("a= is not possible") from None
    domain = plain_domain(required(tags, "d"))
    if not domain:
        raise TagError("d= is no domain")
    return Signer(algorithm, domain, required(tags, "s").lower())


def problem_of_time(signature: Signature, now: float) -> str:
    """Why a signature does not hold at that time; "" when it does."""
    if signature.expires_at is not None and now > signature.expires_at + CLOCK_SKEW:
        return "the signature has expired"
    if signature.signed_at is not None and signature.signed_at > now + CLOCK_SKEW:
        return "the signature is of the future"
    return ""


def problem_of_body(signature: Signature, found: BodyHash) -> str:
    """Why the body is not the one that was signed; "" when it is."""
    if found.left < 0 or found.digest != signature.body_hash:
        return "the body was changed"
    return ""


def is_signed(signature: Signature, key: Key, header: Header) -> bool:
    """Whether the header is the one that was signed."""
    content = signed_header(header, signature.names, signature.form, signature.field)
    return key.confirms(signature.signer.algorithm, signature.value, content)


def signed_header(header: Header, names: tuple[str, ...], form: Canonicalization, signature: Field) -> bytes:
    """What is signed of a header: the chosen fields, and the signature without its value (§3.7)."""
    chosen = [header.canonical(field, form) for field in header.chosen(names, signature)]
    return b"".join([*chosen, unsigned(header, signature, form)])


def unsigned(header: Header, signature: Field, form: Canonicalization) -> bytes:
    """The field of a signature as it is signed: with an empty b=, and without its line end."""
    colon = signature.value_start - signature.start - 1
    written = header.block[signature.start : signature.value_start]
    value = _VALUE_OF_B.sub(rb"\1", header.value(signature))
    return canonical_field(signature.name, written + value, colon, form).removesuffix(b"\r\n")


def _given(tags: Mapping[str, str], name: str) -> str:
    if name not in tags:
        raise TagError(f"{name}= is missing")
    return tags[name]


def _forms(written: str) -> tuple[Canonicalization, Canonicalization]:
    header_form, slash, body_form = written.partition("/")
    try:
        return Canonicalization(header_form), Canonicalization(body_form if slash else "simple")
    except ValueError:
        raise TagError("c= is not possible") from None
