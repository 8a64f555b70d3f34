"""What a session with a host has to offer before it is given mail, and what that follows from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.dns.port import Tlsa
from gateway.domain.address import matches
from gateway.domain.tls import OutgoingTls, TlsRule


@dataclass(frozen=True, slots=True)
class Security:
    """What one host has to offer."""

    tls: OutgoingTls = OutgoingTls.NONE
    authorities: str = ""  # whose certificates `verify` trusts: a file, "" for those of the system
    tlsa: tuple[Tlsa, ...] = ()  # with `verify`: these say which certificate is right, and no authority
    names: tuple[str, ...] = ()  # with `tlsa`: names that the certificate may be for


NO_TLS = Security()


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsRules:
    """What the configuration says."""

    tls: OutgoingTls = OutgoingTls.NONE
    authorities: str = ""
    rules: Sequence[TlsRule] = ()

    def of(self, destination: str) -> Security | None:
        """What a rule says of that domain or host; None: no rule names it."""
        for rule in self.rules:
            if matches(rule.mask, destination):
                return Security(rule.tls, rule.authorities or self.authorities)
        return None

    @property
    def in_general(self) -> Security:
        """What holds where no rule, and nothing that the destination publishes, says more."""
        return Security(self.tls, self.authorities)
