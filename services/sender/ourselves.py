"""What is ourselves: mail that goes there comes back."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import ip_address

from gateway.domain.endpoint import HostPort
from gateway.domain.routes import SMTP_PORT


def is_local(ip: str) -> bool:
    """Whether this machine has that address: only then a socket can be bound to it."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.bind((ip, 0))
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ourselves:
    """By what the gateway is reached."""

    name: str  # what MX records call us
    listens: Collection[HostPort] = ()
    addresses: Collection[
        str
    ] = ()  # others reach us there on port 25, though this machine does not have them
    is_local: Callable[[str], bool] = is_local

    def listen_at(self, ip: str, port: int) -> bool:
        """Whether who connects there speaks with us."""
        if port == SMTP_PORT and ip in self.addresses:
            return True
        return any(listen.port == port and self._has(listen.host, ip) for listen in self.listens)

    def _has(self, listen: str, ip: str) -> bool:
        ours, theirs = ip_address(listen), ip_address(ip)
        if not ours.is_unspecified:
            return ours == theirs
        return ours.version == theirs.version and self.is_local(ip)
