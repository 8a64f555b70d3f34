"""TLS as the sender uses it: what OpenSSL is told for each kind of security."""

from __future__ import annotations

import ssl

from gateway.domain.errors import ConfigError
from gateway.domain.tls import OutgoingTls
from services.sender.security import Security

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class TlsContexts:
    """One context for each set of authorities, made when it is first needed: that takes some milliseconds."""

    def __init__(self, minimum: str = "1.2") -> None:
        self._minimum = _VERSIONS[minimum]
        self._unverified: ssl.SSLContext | None = None
        self._verifying: dict[str, ssl.SSLContext] = {}

    def of(self, security: Security) -> ssl.SSLContext:
        """What a session with such security needs. Raises `ConfigError`.

        With DANE nothing is verified here: what was published is compared when TLS stands.
        """
        if security.tls is OutgoingTls.VERIFY and not security.tlsa:
            return self.verifying(security.authorities)
        if self._unverified is None:
            self._unverified = self._context()
            self._unverified.check_hostname = False
            self._unverified.verify_mode = ssl.CERT_NONE
            # A weak key is better than no encryption, which is what a host would get that fails here.
            self._unverified.set_ciphers("DEFAULT:@SECLEVEL=0")
        return self._unverified

    def verifying(self, authorities: str) -> ssl.SSLContext:
        """For certificates that are valid for their host, by the authorities in that file."""
        context = self._verifying.get(authorities)
        if context is None:
            context = self._verifying[authorities] = self._context()
            try:
                if authorities:
                    context.load_verify_locations(authorities)
                else:
                    context.load_default_certs()
            except OSError as error:  # ssl.SSLError is one
                del self._verifying[authorities]
                raise ConfigError(
                    f"the certificates in {authorities} cannot be read: {error.strerror or error}; "
                    "put authorities in PEM there"
                ) from error
        return context

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = self._minimum
        return context
