"""Key files: a licence as a signed text (`gateway/licences/signed.py`).

Mailwarden licence key
Product: Mailwarden
Serial: 0001-000042-0000002A
...
Signed by: 5f3a90c1
Signature: <base64>
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain.licence import Licence, LicenceType, Limit, Scope, Unit
from gateway.licences.signed import BadKey, Signer, read_signed, sign, signer_of

MOST_BYTES = 16_384
"""A key file has about five hundred."""

_TITLE = "Mailwarden licence key"
_NO_LIMIT = "none"
_MOST_DAYS = 36_525
_MOST_UNITS = 10**9


def write_key(licence: Licence, maker: Ed25519PrivateKey) -> str:
    """The key file of a licence."""
    return sign(_TITLE, _fields(licence).items(), maker)


def read_key(content: bytes, signers: Mapping[str, Signer]) -> Licence:
    """The licence of a key file. Raises `BadKey` unless one of `signers` signed all of it."""
    text = read_signed(content, _TITLE, MOST_BYTES)
    if tuple(name for name, _ in text.fields) != _NAMES:
        raise BadKey("its lines are not those of a key: it was cut off or changed")
    signer = signer_of(text, signers)
    licence = _licence(dict(text.fields))
    text.prove(signer)
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


_NAMES = ("Product", "Serial", "Holder", "Type", "Scope", "Limit", "Created", "Use by", "Lifespan")


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
