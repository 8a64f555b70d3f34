"""Certificates of a test's own: authorities, and hosts with good and with bad ones."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Certificate:
    """A certificate, its key, and what stands between it and its authority."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    above: tuple[x509.Certificate, ...] = ()  # what a server shows besides, in order

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def public_key(self) -> bytes:
        """In the form that TLSA records name (RFC 6698 §2.1.2)."""
        return self.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def chain(self) -> tuple[bytes, ...]:
        """What a server shows, in DER."""
        return (self.der, *(one.public_bytes(Encoding.DER) for one in self.above))

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """The chain and the key as files in PEM."""
        chain, key = folder / f"{name}.pem", folder / f"{name}.key"
        chain.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.above)))
        key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return chain, key

    def server_context(self, folder: Path) -> ssl.SSLContext:
        """What a server with this certificate speaks TLS with."""
        chain, key = self.write(folder, f"server-{self.certificate.serial_number}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        return context


@cache
def authority(name: str = "Test Authority", *, by: Certificate | None = None) -> Certificate:
    """An authority, its own root unless another one stands above it."""
    return _made(name, (), by, NOW - YEAR, NOW + YEAR, is_authority=True)


@cache
def host_certificate(
    *names: str,
    by: Certificate | None = None,
    begins: datetime = NOW - YEAR,
    ends: datetime = NOW + YEAR,
) -> Certificate:
    """A host's certificate for names and addresses; without an authority it has signed itself."""
    return _made(names[0], names, by, begins, ends, is_authority=False)


def _made(
    subject: str,
    names: Sequence[str],
    by: Certificate | None,
    begins: datetime,
    ends: datetime,
    *,
    is_authority: bool,
) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer, issuer_key = (by.certificate.subject, by.key) if by else (_name(subject), key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(_usage(is_authority=is_authority), critical=True)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    above = (by.certificate, *by.above) if by else ()
    return Certificate(builder.sign(issuer_key, hashes.SHA256()), key, above)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
