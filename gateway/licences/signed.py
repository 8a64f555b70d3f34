"""Texts that a person can read and only their maker can write: key files, and lists of revoked keys.

    Mailwarden licence key
    Product: Mailwarden
    ...
    Signed by: 5f3a90c1
    Signature: <base64>

What is signed are the lines before the signature, each ended by a line feed. So line ends and white space
around a line may change on the way, by mail or in an editor, and nothing else.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.domain.licence import LicenceType

Field = tuple[str, str]
"""A line: its name, and its value."""

_SIGNED_BY = "Signed by"
_SIGNATURE = "Signature"
_LONGEST_VALUE = 200


class BadKey(Exception):
    """A file that is no key of ours, nor a list of them. The text says why."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody whose signature counts, for keys of these types."""

    key: Ed25519PublicKey
    types: frozenset[LicenceType]


@dataclass(frozen=True, slots=True)
class SignedText:
    """What a file says, and whose signature it claims to have: nothing is proven before `prove`."""

    title: str
    fields: tuple[Field, ...]
    signer: str  # as `name_of` calls it
    signature: str  # base64

    def prove(self, signer: Signer) -> None:
        """Raises `BadKey` unless that signer signed all of it."""
        try:
            signature = b64decode(self.signature, validate=True)
            signer.key.verify(signature, _text(self.title, self.fields, self.signer).encode())
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise BadKey("its signature is wrong: it was changed or is not of its maker") from error


def name_of(key: Ed25519PublicKey) -> str:
    """What a public key is called in signed texts: the beginning of its digest."""
    return sha256(key.public_bytes_raw()).hexdigest()[:16]


def sign(title: str, fields: Iterable[Field], maker: Ed25519PrivateKey) -> str:
    """The text of a file that `maker` signs."""
    text = _text(title, fields, name_of(maker.public_key()))
    return f"{text}{_SIGNATURE}: {b64encode(maker.sign(text.encode())).decode()}\n"


def read_signed(content: bytes, title: str, most_bytes: int) -> SignedText:
    """What a file says. Raises `BadKey` when it has not the form of a signed text of that title."""
    if len(content) > most_bytes:
        raise BadKey("it is too large for a file of this kind")
    try:
        lines = [line.strip() for line in content.decode("utf-8-sig").split("\n")]
    except UnicodeDecodeError as error:
        raise BadKey("it is no text") from error

    first, *rest = [line for line in lines if line] or [""]
    if first != title:
        raise BadKey(f"its first line is not {title!r}")
    fields = tuple((name, value) for name, _, value in (line.partition(": ") for line in rest))
    if tuple(name for name, _ in fields[-2:]) != (_SIGNED_BY, _SIGNATURE):
        raise BadKey("it does not end with a signature: it was cut off or changed")
    if any(len(value) > _LONGEST_VALUE for _, value in fields):
        raise BadKey("one of its lines is too long")
    return SignedText(title, fields[:-2], fields[-2][1], fields[-1][1])


def signer_of(text: SignedText, signers: Mapping[str, Signer]) -> Signer:
    """Whoever says to have signed it. Raises `BadKey` when that is none of `signers`."""
    signer = signers.get(text.signer)
    if signer is None:
        raise BadKey("it was signed by somebody whom this version does not know")
    return signer


def _text(title: str, fields: Iterable[Field], signer: str) -> str:
    lines = (f"{name}: {value}\n" for name, value in (*fields, (_SIGNED_BY, signer)))
    return "".join((f"{title}\n", *lines))
