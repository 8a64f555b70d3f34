"""DANE for SMTP: whether a host's certificate is the one that DNS names (RFC 6698, RFC 7671, RFC 7672)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import verification

from gateway.dns.port import Tlsa
from services.sender.security import Security

_AUTHORITY, _HOST = 2, 3  # DANE-TA and DANE-EE: SMTP has no use for the others (RFC 7672 §3.1.3)
_WHOLE_CERTIFICATE, _PUBLIC_KEY = 0, 1
_DIGESTS = {1: hashlib.sha256, 2: hashlib.sha512}


def usable(records: Iterable[Tlsa]) -> tuple[Tlsa, ...]:
    """Those that say something about SMTP and that we understand."""
    return tuple(
        record
        for record in records
        if record.usage in (_AUTHORITY, _HOST)
        and record.selector in (_WHOLE_CERTIFICATE, _PUBLIC_KEY)
        and (record.matching == 0 or _has_digest_size(record))
    )


def is_published(security: Security, chain: Sequence[bytes], now: datetime) -> bool:
    """Whether one of the records names the certificate of a host, which showed `chain` in DER, its own first.

    What a record says of the host itself is enough: neither dates nor names of the certificate count then
    (RFC 7672 §3.1.1). What it says of an authority counts for certificates that are valid by it.
    """
    if not chain:
        return False
    for record in security.tlsa:
        if record.usage == _HOST and _matches(record, chain[0]):
            return True
        if record.usage == _AUTHORITY and any(
            _is_valid(chain, authority, security.names, now) for authority in _authorities(record, chain)
        ):
            return True
    return False


def _has_digest_size(record: Tlsa) -> bool:
    digest = _DIGESTS.get(record.matching)
    return digest is not None and len(record.association) == digest().digest_size


def _authorities(record: Tlsa, chain: Sequence[bytes]) -> list[bytes]:
    found = [certificate for certificate in chain[1:] if _matches(record, certificate)]
    if (record.selector, record.matching) == (_WHOLE_CERTIFICATE, 0):
        # The record holds the authority itself, so that a host need not show it (RFC 7671 §5.2.2).
        found.append(record.association)
    return found


def _matches(record: Tlsa, certificate: bytes) -> bool:
    selected = certificate if record.selector == _WHOLE_CERTIFICATE else _public_key(certificate)
    digest = _DIGESTS.get(record.matching)
    return record.association == (digest(selected).digest() if digest else selected)


def _public_key(certificate: bytes) -> bytes:
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):  # no certificate at all, or a key of a kind that nobody knows
        return b""


def _is_valid(chain: Sequence[bytes], authority: bytes, names: Iterable[str], now: datetime) -> bool:
    try:
        leaf, *others = map(x509.load_der_x509_certificate, chain)
        store = verification.Store([x509.load_der_x509_certificate(authority)])
        builder = verification.PolicyBuilder().store(store).time(now)
    except ValueError:
        return False
    for name in names:
        try:
            builder.build_server_verifier(x509.DNSName(name)).verify(leaf, others)
        except (verification.VerificationError, ValueError):
            continue
        return True
    return False
