"""Key files: a licence as text that a person can read, and the signature of its maker.

    Mailwarden licence key
    Product: Mailwarden
    Serial: 0001-000042-0000002A
    ...
    Signed by: 5f3a90c1
    Signature: <base64>

What is signed are the lines before the signature, each ended by a line feed. So line ends and white space
around a line may change on the way, by mail or in an editor, and nothing else.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.domain.licence import Licence, LicenceType, Limit, Scope, Unit

MOST_BYTES = 16_384
"""A key file has about five hundred."""

_TITLE = "Mailwarden licence key"
_SIGNED_BY = "Signed by"
_SIGNATURE = "Signature"
_NO_LIMIT = "none"
_LONGEST_VALUE = 200
_MOST_DAYS = 36_525
_MOST_UNITS = 10**9


class BadKey(Exception):
    """A file that is no key of ours. The text says why."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody whose signature counts, for keys of these types."""

    key: Ed25519PublicKey
    types: frozenset[LicenceType]


def name_of(key: Ed25519PublicKey) -> str:
    """What a public key is called in key files: the beginning of its digest."""
    return sha256(key.public_bytes_raw()).hexdigest()[:16]


def write_key(licence: Licence, maker: Ed25519PrivateKey) -> str:
    """The key file of a licence."""
    text = _text(licence, name_of(maker.public_key()))
    return f"{text}{_SIGNATURE}: {b64encode(maker.sign(text.encode())).decode()}\n"


def read_key(content: bytes, signers: Mapping[str, Signer]) -> Licence:
    """The licence of a key file. Raises `BadKey` unless one of `signers` signed all of it."""
    if len(content) > MOST_BYTES:
        raise BadKey("it is too large for a key")
    try:
        lines = [line.strip() for line in content.decode("utf-8-sig").split("\n")]
    except UnicodeDecodeError as error:
        raise BadKey("it is no text") from error
    values = _values([line for line in lines if line])

    signer = signers.get(values[_SIGNED_BY])
    if signer is None:
        raise BadKey("it was signed by somebody whom this version does not know")
    licence = _licence(values)
    try:
        signature = b64decode(values[_SIGNATURE], validate=True)
        signer.key.verify(signature, _text(licence, values[_SIGNED_BY]).encode())
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise BadKey("its signature is wrong: it was changed or is not of its maker") from error
    if licence.type not in signer.types:
        raise BadKey(f"whoever signed it may not give {licence.type} keys")
    return licence


def _fields(licence: Licence) -> Mapping[str, str]:
    return {
        "Product": licence.product,
        "Serial": licence.serial,
        "Holder": licence.holder,
        "Type": licence.type,
        "Scope": licence.scope,
        "Limit": str(licence.limit) if licence.limit else _NO_LIMIT,
        "Created": licence.created.isoformat(),
        "Use by": licence.use_by.isoformat(),
        "Lifespan": f"{licence.lifespan} days",
    }


def _text(licence: Licence, signer: str) -> str:
    fields = {**_fields(licence), _SIGNED_BY: signer}
    return "".join((f"{_TITLE}\n", *(f"{name}: {value}\n" for name, value in fields.items())))


_NAMES = (
    *("Product", "Serial", "Holder", "Type", "Scope", "Limit", "Created", "Use by", "Lifespan"),
    *(_SIGNED_BY, _SIGNATURE),
)


def _values(lines: Sequence[str]) -> Mapping[str, str]:
    """The values of a key file by their names: all of them, each once, in their order."""
    title, *rest = lines or [""]
    if title != _TITLE:
        raise BadKey(f"its first line is not {_TITLE!r}")
    values = [line.partition(": ")[::2] for line in rest]
    if tuple(name for name, _ in values) != _NAMES:
        raise BadKey("its lines are not those of a key: it was cut off or changed")
    if any(len(value) > _LONGEST_VALUE for _, value in values):
        raise BadKey("one of its lines is too long")
    return dict(values)


def _licence(values: Mapping[str, str]) -> Licence:
    try:
        return Licence(
            product=values["Product"],
            serial=values["Serial"],
            holder=values["Holder"],
            type=LicenceType(values["Type"]),
            scope=Scope(values["Scope"]),
            limit=_limit(values["Limit"]),
            created=date.fromisoformat(values["Created"]),
            use_by=date.fromisoformat(values["Use by"]),
            lifespan=_number(values["Lifespan"].removesuffix(" days"), _MOST_DAYS),
        )
    except ValueError as error:
        raise BadKey(f"one of its values is not possible: {error}") from error


def _limit(text: str) -> Limit | None:
    if text == _NO_LIMIT:
        return None
    most, _, unit = text.partition(" ")
    return Limit(_number(most, _MOST_UNITS), Unit(unit))


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:12]) <= most):
        raise ValueError(f"{text!r} is not a number from 1 to {most}")
    return int(text)
