"""Lists of keys that their maker revoked, as signed texts (`gateway/licences/signed.py`).

    Mailwarden revocation list
    Number: 3
    Revoked: 0001-000042-0000002A
    Revoked: ...
    Signed by: 5f3a90c1
    Signature: <base64>

A list replaces those of the same signer with lower numbers, so it has to name all keys that are revoked. It
concerns keys of the types that its signer may give, and no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain.licence import Licence, LicenceType
from gateway.licences.signed import BadKey, Signer, read_signed, sign, signer_of

MOST_BYTES = 1 << 20
"""Some twenty-five thousand keys."""

FILE_NAME = "revoked.list"
"""What such a list is called in a folder."""

_TITLE = "Mailwarden revocation list"
_HIGHEST_NUMBER = 10**9


@dataclass(frozen=True, slots=True)
class RevocationList:
    """The keys that one signer revoked."""

    signer: str  # as `signed.name_of` calls it
    number: int  # counts its lists
    serials: frozenset[str]
    types: frozenset[LicenceType]  # of the keys that it concerns

    def revokes(self, licence: Licence) -> bool:
        """Whether the key of that licence counts no more."""
        return licence.serial in self.serials and licence.type in self.types


def write_list(number: int, serials: Iterable[str], maker: Ed25519PrivateKey) -> str:
    """The file of a list."""
    revoked = (("Revoked", serial) for serial in sorted(set(serials)))
    return sign(_TITLE, [("Number", str(number)), *revoked], maker)


def read_list(content: bytes, signers: Mapping[str, Signer]) -> RevocationList:
    """The list of a file. Raises `BadKey` unless one of `signers` signed all of it."""
    text = read_signed(content, _TITLE, MOST_BYTES)
    names = [name for name, _ in text.fields]
    if names[:1] != ["Number"] or set(names[1:]) - {"Revoked"}:
        raise BadKey("its lines are not those of a revocation list: it was cut off or changed")
    signer = signer_of(text, signers)
    text.prove(signer)
    number, *serials = (value for _, value in text.fields)
    if not (number.isascii() and number.isdecimal() and 1 <= int(number) <= _HIGHEST_NUMBER):
        raise BadKey(f"its number is not from 1 to {_HIGHEST_NUMBER}")
    return RevocationList(text.signer, int(number), frozenset(serials), signer.types)
