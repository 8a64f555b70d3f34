"""Licences, and a maker who signs their keys."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain.licence import Key, Licence, LicenceType, Place, Scope, Standing
from gateway.licences.keyring import Keyring
from gateway.licences.signed import Signer, name_of
from gateway.records.licences import LicenceRecords
from gateway.runtime.licensing import Licensing

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


def licensed(**differing: Any) -> Licensing:
    """What a process knows of its licence: one like `a_licence`, in force."""
    keyring = Keyring(cast(LicenceRecords, None), SIGNERS, lambda: MADE)
    licensing = Licensing(keyring, Path("/nowhere.example"))
    licensing.standing = Standing(MADE, Key(a_licence(**differing), Place.ACTIVE, MADE), None)
    return licensing
