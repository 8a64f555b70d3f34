"""Which security the hosts of a destination have to offer: by our rules, and by what it publishes itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gateway.dns.port import Dns, Failed, Found, Kind, addresses
from gateway.domain.endpoint import is_address
from gateway.domain.tls import OutgoingTls
from services.sender.dane import usable
from services.sender.hosts import Host
from services.sender.mtasts import Mode, StsPolicy
from services.sender.routing import Destination, Unroutable
from services.sender.security import Security, TlsRules
from services.sender.stspolicies import StsPolicies

_Published = Found | Failed
"""Validated TLSA records, or that nobody knows now."""
_NOTHING: Mapping[str, _Published] = {}


class Protector:
    """Knows the rules, and asks destinations for theirs where that is wanted."""

    def __init__(
        self,
        rules: TlsRules,
        *,
        policies: StsPolicies | None = None,  # None: MTA-STS is not asked for
        validating: Dns | None = None,  # None: DANE is not asked for
    ) -> None:
        self._rules = rules
        self._policies = policies
        self._validating = validating

    async def protected(self, destination: Destination, hosts: Sequence[Host]) -> tuple[Host, ...]:
        """`hosts` with what each of them has to offer, without those that must not be used.

        Raises `Unroutable` when none is left.
        """
        ruled, general = self._rules.of(destination.host), self._rules.in_general
        if ruled or general.tls is OutgoingTls.NONE:
            return tuple(_with(host, ruled or general) for host in hosts)

        tlsa = await self._tlsa(destination, hosts, self._validating) if self._validating else _NOTHING
        policy = await self._policies.of(destination.host) if self._policies and destination.by_mx else None
        left: list[Host] = []
        trouble = ""
        for host in hosts:
            published = tlsa.get(host.name, Found())
            if isinstance(published, Failed):
                # Who can make these records disappear could make TLS disappear, too (RFC 7672 §2.1.2).
                trouble = f"nobody knows now which certificate {host.name} has: {published.reason}"
            elif published.tlsa:
                names = (host.name, destination.host) if destination.by_mx else (host.name,)
                left.append(_with(host, _by_dane(published, general, names)))
            elif policy and policy.mode is Mode.ENFORCE and not policy.allows(host.name):
                trouble = f"the MTA-STS policy of {destination.host} does not allow {host.name}"
            else:
                left.append(_with(host, _by_policy(policy, general)))
        if not left:
            raise Unroutable("4.7.5", trouble)
        return tuple(left)

    async def _tlsa(
        self, destination: Destination, hosts: Iterable[Host], dns: Dns
    ) -> Mapping[str, _Published]:
        """The validated TLSA records of hosts by their names (RFC 7672 §2.2)."""
        names = {host.name: host.port for host in hosts if not (host.socket_path or is_address(host.name))}
        if destination.by_mx:
            exchanges = await dns.ask(destination.host, Kind.MX)
            if isinstance(exchanges, Failed):
                return dict.fromkeys(names, exchanges)
            if not (isinstance(exchanges, Found) and exchanges.secure):
                # Who can name the hosts can name hosts with proper certificates.
                return _NOTHING
            real = {exchange.host for exchange in exchanges.exchanges} or {destination.host}
            if not real.issuperset(names):
                return dict.fromkeys(names, Failed("its mail servers have just changed"))
        answers = await asyncio.gather(*(_tlsa_of(name, port, dns) for name, port in names.items()))
        return dict(zip(names, answers, strict=True))


async def _tlsa_of(name: str, port: int, dns: Dns) -> _Published:
    # Servers of zones that are not signed often fail when they are asked for kinds they do not know.
    address = await addresses(dns, name)
    if isinstance(address, Failed):
        return address
    if not (isinstance(address, Found) and address.secure):
        return Found()
    answer = await dns.ask(f"_{port}._tcp.{name}", Kind.TLSA)
    if isinstance(answer, Failed):
        return answer
    return answer if isinstance(answer, Found) and answer.secure else Found()


def _by_dane(published: Found, general: Security, names: tuple[str, ...]) -> Security:
    records = usable(published.tlsa)
    if records:
        return Security(OutgoingTls.VERIFY, tlsa=records, names=names)
    # It has TLS, and says so in a way that we do not understand (RFC 7672 §2.2).
    return general if general.tls is OutgoingTls.VERIFY else replace(general, tls=OutgoingTls.ENCRYPT)


def _by_policy(policy: StsPolicy | None, general: Security) -> Security:
    enforced = policy is not None and policy.mode is Mode.ENFORCE
    return replace(general, tls=OutgoingTls.VERIFY) if enforced else general


def _with(host: Host, security: Security) -> Host:
    # A socket in the file system has nobody between its ends.
    return host if host.socket_path or host.security == security else replace(host, security=security)
