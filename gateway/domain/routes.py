"""The routing table: where mail for which recipients goes (manual, chapter 6.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from gateway.domain.access import EVERYBODY
from gateway.domain.endpoint import is_address, parse_host, parse_host_port

SMTP_PORT = 25
LMTP_PORT = 24
"""LMTP has no port of its own, but must not be on 25 (RFC 2033 §5); 24 is for private mail systems."""

LMTP = "lmtp:"
SOCKET = "unix:"


@dataclass(frozen=True, slots=True)
class Route:
    """`<mask> domain`, `<mask> [host]` or `<mask> [host:port]`: the first whose mask matches is taken.

    `lmtp:` before the brackets delivers by LMTP, to a host or to a socket `lmtp:[unix:/path]`.
    """

    mask: str
    host: str  # a domain when `by_mx`, else a host name, an address (IPv6 without brackets) or `unix:/path`
    port: int = SMTP_PORT
    by_mx: bool = False  # look up the MX hosts of `host`; brackets in the file switch that off
    lmtp: bool = False

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
        if target.startswith(LMTP):
            return cls(mask, *_lmtp_host(target.removeprefix(LMTP)), lmtp=True)
        if not target.startswith("["):
            return cls(mask, _domain(target), by_mx=True)
        return cls(mask, *_host(target, SMTP_PORT))

    def __str__(self) -> str:
        if self.by_mx:
            return f"{self.mask} {self.host}"
        protocol, usual_port = (LMTP, LMTP_PORT) if self.lmtp else ("", SMTP_PORT)
        if self.port == usual_port:
            return f"{self.mask} {protocol}[{self.host}]"
        place = f"[{self.host}]:{self.port}" if ":" in self.host else f"[{self.host}:{self.port}]"
        return f"{self.mask} {protocol}{place}"


def _domain(target: str) -> str:
    if ":" in target or is_address(target):
        raise ValueError(f"'{target}' is no domain: a host to deliver to is written [{target}]")
    return parse_host(target)


def _lmtp_host(target: str) -> tuple[str, int]:
    if not target.startswith("["):
        raise ValueError(f"'{LMTP}{target}' is not in brackets: write {LMTP}[host], or {LMTP}[{SOCKET}/path]")
    if target.startswith(f"[{SOCKET}") and target.endswith("]"):
        path = target[1:-1].removeprefix(SOCKET)
        if not path.startswith("/"):
            raise ValueError(f"'{path}' is not an absolute path: begin it with /")
        return SOCKET + path, LMTP_PORT
    return _host(target, LMTP_PORT)


def _host(target: str, usual_port: int) -> tuple[str, int]:
    if not target.endswith("]"):
        return parse_host_port(target)  # [host]:port
    inner = target[1:-1]
    if inner.startswith("[") or (":" in inner and not is_address(inner)):
        return parse_host_port(inner)  # [host:port]
    return parse_host(inner), usual_port
