"""The key of our seal is held against what it has to be before mail needs it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from tests.support.authentication import edwards_key, rsa_key
from tests.support.configuration import MINIMAL, examined

SEALING = (
    MINIMAL + "[gateway.authentication]\nSealDomain=company.example\nSealSelector=s1\nSealKey=/etc/seal.pem\n"
)


def written(key: PrivateKeyTypes, encryption: KeySerializationEncryption | None = None) -> str:
    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    return content.decode()


@pytest.mark.parametrize("key", [rsa_key().private, edwards_key().private], ids=["rsa", "ed25519"])
def test_a_key_that_can_seal_is_well(key: PrivateKeyTypes) -> None:
    assert not examined(SEALING, files={"/etc/seal.pem": written(key)}).findings.errors


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is no private key in PEM without a passphrase"),
        (
            written(generate_rsa_key(65537, 1024)).replace("A", "B"),
            "it is no private key in PEM without a passphrase",
        ),
        (
            written(rsa_key().private, BestAvailableEncryption(b"secret")),
            "it is no private key in PEM without a passphrase",
        ),
        (
            written(generate_private_key(SECP256R1())),
            "it is neither Ed25519 nor RSA of at least 1024 bits",
        ),
    ],
    ids=["empty", "damaged", "encrypted", "of another kind"],
)
def test_a_key_that_cannot_seal_is_told(content: str, reason: str) -> None:
    [finding] = examined(SEALING, files={"/etc/seal.pem": content}).findings.errors

    assert finding.text == (f"SealKey: /etc/seal.pem cannot be used: {reason}")
