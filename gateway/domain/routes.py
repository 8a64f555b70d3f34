"""The routing table: where mail for which recipients goes (manual, chapter 6.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from gateway.domain.access import EVERYBODY
from gateway.domain.endpoint import is_address, parse_host, parse_host_port

SMTP_PORT = 25


@dataclass(frozen=True, slots=True)
class Route:
    """`<mask> domain`, `<mask> [host]` or `<mask> [host:port]`: the first whose mask matches is taken."""

    mask: str
    host: str  # a domain when `by_mx`, else a host name or an address (IPv6 without brackets)
    port: int = SMTP_PORT
    by_mx: bool = False  # look up the MX hosts of `host`; brackets in the file switch that off

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a line of the table. `ValueError` says what is wrong.

        IPv6 may be written `[2001:db8::1]`, `[2001:db8::1]:1025` or `[[2001:db8::1]:1025]`.
        """
        words = text.split()
        if len(words) != 2:
            raise ValueError(
                f"'{text}' is not of the form '<mask> domain', '<mask> [host]' or '<mask> [host:port]'"
            )
        mask, target = words
        mask = EVERYBODY if mask.lower() == "any" else mask
        if not target.startswith("["):
            return cls(mask, _domain(target), by_mx=True)
        host, port = _host(target)
        return cls(mask, host, port)

    def __str__(self) -> str:
        if self.by_mx:
            return f"{self.mask} {self.host}"
        if self.port == SMTP_PORT:
            return f"{self.mask} [{self.host}]"
        return (
            f"{self.mask} [{self.host}]:{self.port}"
            if ":" in self.host
            else f"{self.mask} [{self.host}:{self.port}]"
        )


def _domain(target: str) -> str:
    if ":" in target or is_address(target):
        raise ValueError(f"'{target}' is no domain: a host to deliver to is written [{target}]")
    return parse_host(target)


def _host(target: str) -> tuple[str, int]:
    if not target.endswith("]"):
        return parse_host_port(target)  # [host]:port
    inner = target[1:-1]
    if inner.startswith("[") or (":" in inner and not is_address(inner)):
        return parse_host_port(inner)  # [host:port]
    return parse_host(inner), SMTP_PORT
