"""What is ourselves: mail that goes there comes back."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Collection
from ipaddress import ip_address

from gateway.domain.endpoint import HostPort
from gateway.domain.routes import SMTP_PORT
from gateway.domain.ttlcache import TtlCache

LOCAL_SECONDS = 10.0
"""How long it is remembered whether an address is this machine's: some wander between machines."""
MOST_ADDRESSES = 1_000


def is_local(ip: str) -> bool:
    """Whether this machine has that address: only then a socket can be bound to it."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.bind((ip, 0))
    except OSError:
        return False
    return True


class Ourselves:
    """By what the gateway is reached."""

    def __init__(
        self,
        name: str,  # what MX records call us
        *,
        listens: Collection[HostPort] = (),
        addresses: Collection[str] = (),  # of others, where ours is reached on port 25 all the same
        is_local: Callable[[str], bool] = is_local,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._listens = listens
        self._addresses = addresses
        self._is_local = is_local
        self._known: TtlCache[str, bool] = TtlCache(MOST_ADDRESSES, clock)

    def listen_at(self, ip: str, port: int) -> bool:
        """Whether who connects there speaks with us."""
        if port == SMTP_PORT and ip in self._addresses:
            return True
        return any(listen.port == port and self._has(listen.host, ip) for listen in self._listens)

    def _has(self, listen: str, ip: str) -> bool:
        ours, theirs = ip_address(listen), ip_address(ip)
        if not ours.is_unspecified:
            return ours == theirs
        return ours.version == theirs.version and self._local(ip)

    def _local(self, ip: str) -> bool:
        known = self._known.get(ip)
        if known is None:
            known = self._is_local(ip)
            self._known.put(ip, known, LOCAL_SECONDS)
        return known
