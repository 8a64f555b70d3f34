"""Whether and how the sender asks a next hop for TLS."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class OutgoingTls(StrEnum):
    """What the sender wants of a next hop."""

    NONE = "none"  # no TLS
    MAY = "may"  # where it is offered, whatever the certificate
    ENCRYPT = "encrypt"  # always, whatever the certificate
    VERIFY = "verify"  # always, with a certificate that is valid for the host


@dataclass(frozen=True, slots=True)
class TlsRule:
    """`<mask> none|may|encrypt|verify [/authorities.pem]`: the first whose mask matches is taken."""

    mask: str  # of destinations: the domain whose MX hosts are asked for, or the host of a route
    tls: OutgoingTls
    authorities: str = ""  # file with their certificates, "" for those that are trusted in general

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a rule. `ValueError` says what is wrong."""
        words = text.split()
        if not 2 <= len(words) <= 3:
            raise ValueError(
                f"'{text}' is not of the form '<mask> none|may|encrypt|verify [/authorities.pem]'"
            )
        mask, level, *rest = words
        try:
            tls = OutgoingTls(level.lower())
        except ValueError:
            raise ValueError(f"'{level}' is not possible here: use {', '.join(OutgoingTls)}") from None
        if rest and tls is not OutgoingTls.VERIFY:
            raise ValueError(f"no certificate is looked at for '{tls}': leave the file out, or use verify")
        if rest and not rest[0].startswith("/"):
            raise ValueError(f"'{rest[0]}' is not an absolute path: begin it with /")
        return cls(mask, tls, *rest)

    def __str__(self) -> str:
        return " ".join(filter(None, (self.mask, self.tls, self.authorities)))
