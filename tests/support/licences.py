"""Licences, and a maker who signs their keys."""

from __future__ import annotations

from datetime import date
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain.licence import Licence, LicenceType, Scope
from gateway.licences.keyfile import Signer, name_of

MAKER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNERS = {name_of(MAKER.public_key()): Signer(MAKER.public_key(), frozenset(LicenceType))}

MADE = date(2026, 1, 5)


def a_licence(serial: str = "0001-000001-00000001", **differing: Any) -> Licence:
    """A commercial licence of a year, made on `MADE`."""
    usual: dict[str, Any] = {
        "product": "Mailwarden",
        "serial": serial,
        "type": LicenceType.COMMERCIAL,
        "scope": Scope.ANTI_VIRUS_AND_SPAM,
        "limit": None,
        "created": MADE,
        "use_by": date(2028, 1, 5),
        "lifespan": 365,
        "holder": "Example Ltd",
    }
    return Licence(**usual | differing)
