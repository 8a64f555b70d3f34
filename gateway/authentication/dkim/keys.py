"""Keys: those that domains publish for their signatures, and our own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_private_key

from gateway.authentication.names import is_name
from gateway.authentication.tags import TagError, from_base64, read_tags, words
from gateway.dns.port import Dns, Failed, Found, Kind
from gateway.domain.authentication import Result
from gateway.domain.errors import ConfigError

FEWEST_BITS, MOST_BITS = 1024, 8192
"""Of an RSA key. Shorter ones prove nothing (RFC 8301 §3.2), longer ones only cost time."""

MOST_RECORDS = 4
"""Records of one name that are looked at: more than one is against the standard (RFC 6376 §3.6.2.2)."""

LONGEST_RECORD = 4096
"""Bytes of a key record: the longest key that is taken has 1,400."""

MOST_REMEMBERED = 1024
"""Keys that are kept in the form that is used."""

_MOST_EXPONENT_BITS = 64


class Algorithm(StrEnum):
    """How is signed. SHA-1 is no longer possible (RFC 8301 §3.1)."""

    RSA_SHA256 = "rsa-sha256"
    ED25519_SHA256 = "ed25519-sha256"


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed, and how."""

    algorithm: Algorithm
    domain: str  # as `plain_domain` writes it
    selector: str

    @property
    def key_name(self) -> str:
        """Where the key lies in DNS (RFC 6376 §3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


@dataclass(frozen=True, slots=True)
class Key:
    """A key that a domain published."""

    public: RSAPublicKey | Ed25519PublicKey
    testing: bool = False  # t=y
    strict: bool = False  # t=s: i= may not name a subdomain

    def confirms(self, algorithm: Algorithm, signature: bytes, content: bytes) -> bool:
        """Whether `signature` was made over `content` by the owner of the key."""
        try:
            match self.public, algorithm:
                case RSAPublicKey() as rsa, Algorithm.RSA_SHA256:
                    rsa.verify(signature, content, _PADDING, _SHA256)
                case Ed25519PublicKey() as edwards, Algorithm.ED25519_SHA256:
                    edwards.verify(signature, sha256(content).digest())  # RFC 8463 §3
                case _:
                    return False
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class NoKey:
    """There is no key to be used: nobody knows now (`TEMPERROR`), or there is none (`PERMERROR`)."""

    result: Result
    reason: str


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key that we sign with."""

    private: RSAPrivateKey | Ed25519PrivateKey

    @property
    def algorithm(self) -> Algorithm:
        """How it signs."""
        is_rsa = isinstance(self.private, RSAPrivateKey)
        return Algorithm.RSA_SHA256 if is_rsa else Algorithm.ED25519_SHA256

    def sign(self, content: bytes) -> bytes:
        """A signature over `content`."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(content, _PADDING, _SHA256)
        return self.private.sign(sha256(content).digest())


async def find_key(dns: Dns, signer: Signer) -> Key | NoKey:
    """The key that confirms what `signer` signed."""
    if not is_name(signer.key_name):
        return NoKey(Result.PERMERROR, "the name of the key is not possible")
    match await dns.ask(signer.key_name, Kind.TXT):
        case Failed(reason):
            return NoKey(Result.TEMPERROR, f"the key cannot be found now: {reason}")
        case Found() as found if found.texts:
            return _first_key(found.texts, signer.algorithm)
    return NoKey(Result.PERMERROR, "there is no key")


def read_key(text: bytes) -> Key:
    """A key record (RFC 6376 §3.6.1). Raises `TagError`."""
    if len(text) > LONGEST_RECORD:
        raise TagError("it is too long")
    tags = read_tags(text)
    if tags.get("v", "DKIM1") != "DKIM1" or ("v" in tags and next(iter(tags)) != "v"):
        raise TagError("v= is not DKIM1")
    if "h" in tags and "sha256" not in words(tags["h"]):
        raise TagError("h= does not allow SHA-256")
    if not {"*", "email"} & set(words(tags.get("s", "*"))):
        raise TagError("s= does not allow mail")
    if "p" not in tags:
        raise TagError("p= is missing")
    if not tags["p"]:
        raise TagError("it was revoked")
    flags = words(tags.get("t", ""))
    return Key(_public(tags.get("k", "rsa").lower(), from_base64(tags["p"], "p")), "y" in flags, "s" in flags)


def load_own_key(pem: bytes) -> OwnKey:
    """Our own key from PEM. Raises `ConfigError`."""
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError("it is no private key in PEM without a passphrase") from error
    match private:
        case Ed25519PrivateKey():
            return OwnKey(private)
        case RSAPrivateKey() if private.key_size >= FEWEST_BITS:
            return OwnKey(private)
    raise ConfigError(f"it is neither Ed25519 nor RSA of at least {FEWEST_BITS} bits")


_PADDING, _SHA256 = PKCS1v15(), SHA256()

_remembered = lru_cache(maxsize=MOST_REMEMBERED)(read_key)


def _first_key(texts: Iterable[bytes], algorithm: Algorithm) -> Key | NoKey:
    """The first of them that can be used."""
    problem = ""
    for text in list(texts)[:MOST_RECORDS]:
        try:
            key = _remembered(text)
        except TagError as error:
            problem = problem or str(error)
            continue
        if isinstance(key.public, RSAPublicKey) is (algorithm is Algorithm.RSA_SHA256):
            return key
        problem = problem or "it is for another algorithm"
    return NoKey(Result.PERMERROR, f"the key cannot be used: {problem}")


def _public(kind: str, content: bytes) -> RSAPublicKey | Ed25519PublicKey:
    try:
        public = (
            Ed25519PublicKey.from_public_bytes(content) if kind == "ed25519" else load_der_public_key(content)
        )
    except (ValueError, UnsupportedAlgorithm):
        raise TagError("p= is no key") from None
    match kind, public:
        case "rsa", RSAPublicKey():
            if not FEWEST_BITS <= public.key_size <= MOST_BITS:
                raise TagError(f"it has {public.key_size} bits")
            if public.public_numbers().e.bit_length() > _MOST_EXPONENT_BITS:
                raise TagError("its exponent is too large")
            return public
        case "ed25519", Ed25519PublicKey():
            return public
    raise TagError("k= is not known")
