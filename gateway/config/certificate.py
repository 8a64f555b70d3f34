"""The certificate of the gateway and its key, as TLS will use them, or what is wrong with them."""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificates

from gateway.config.sections.gateway import ApiSection
from gateway.config.sections.transport import TlsSection, TlsVersion
from gateway.domain.errors import ConfigError

_VERSIONS = {TlsVersion.V1_2: ssl.TLSVersion.TLSv1_2, TlsVersion.V1_3: ssl.TLSVersion.TLSv1_3}
_MISMATCHES = frozenset({"KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED"})  # the second: of another kind


class UnusableCertificate(Exception):
    """What is wrong, and with which of the two parameters."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter}: {reason}")
        self.attribute = parameter.lower()


def server_context(tls: TlsSection) -> ssl.SSLContext | None:
    """How clients are spoken to under TLS; None without a certificate. Raises `ConfigError`."""
    return _context(tls.heading, tls.certificate, tls.key, tls.minimum_version)


def api_context(api: ApiSection) -> ssl.SSLContext | None:
    """The same for the clients of the API."""
    return _context(api.heading, api.certificate, api.key, TlsVersion.V1_2)


def _context(
    heading: str, certificate: Path | None, key: Path | None, minimum: TlsVersion
) -> ssl.SSLContext | None:
    if certificate is None or key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[minimum]
    # A client that could renegotiate could make us calculate at will.
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        load_certificate(context, certificate, key)
    except UnusableCertificate as wrong:
        raise ConfigError(f"[{heading}] {wrong}") from wrong
    return context


def load_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Give a context its certificate. Raises `UnusableCertificate`."""
    chain = _pem("Certificate", certificate, "CERTIFICATE-----", "no certificate in PEM")
    _pem("Key", key, "PRIVATE KEY-----", "no private key in PEM")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=chain)
    except (ssl.SSLError, ValueError) as wrong:
        raise UnusableCertificate("Certificate", f"{certificate} is damaged ({wrong})") from wrong
    try:
        context.load_cert_chain(certificate, key, password=lambda: _refused(key))
    except ssl.SSLError as wrong:
        if wrong.reason not in _MISMATCHES:
            raise UnusableCertificate("Key", f"{key} cannot be used ({wrong.reason or wrong})") from wrong
        raise UnusableCertificate(
            "Key", f"{key} is not the key of {certificate}: name the one that the certificate was made for"
        ) from wrong


def expiry(certificate: Path) -> datetime:
    """When a certificate that can be loaded ends."""
    return load_pem_x509_certificates(certificate.read_bytes())[0].not_valid_after_utc


def _pem(parameter: str, path: Path, mark: str, lack: str) -> str:
    try:
        text = path.read_text(encoding="latin-1")
    except OSError as problem:
        raise UnusableCertificate(
            parameter,
            f"{path} cannot be read ({problem.strerror}): the account of the gateway needs to read it",
        ) from problem
    if mark not in text:
        raise UnusableCertificate(parameter, f"{path} holds {lack}")
    return text


def _refused(key: Path) -> str:
    raise UnusableCertificate("Key", f"{key} is encrypted: store it without a passphrase")
