"""Whose signature on a key counts: `signers.json`, which comes with the product.

A maker changes keys by adding the new one, and taking the old one out when all that it signed has ended.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from importlib.resources import files

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.domain.licence import LicenceType
from gateway.licences.signed import Signer, name_of


def shipped_signers() -> Mapping[str, Signer]:
    """Those that this version knows, by the names that key files use."""
    return read_signers(files("gateway.licences").joinpath("signers.json").read_text(encoding="utf-8"))


def read_signers(text: str) -> Mapping[str, Signer]:
    """Signers from their file: a list of public keys and of the types of licences that each may give."""
    signers = (
        Signer(
            Ed25519PublicKey.from_public_bytes(b64decode(entry["public_key"], validate=True)),
            frozenset(LicenceType(kind) for kind in entry["types"]),
        )
        for entry in json.loads(text)
    )
    return {name_of(signer.key): signer for signer in signers}
