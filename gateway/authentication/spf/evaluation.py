"""Evaluating SPF: `check_host` (RFC 7208 §4), with all its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from gateway.authentication.names import LONGEST_NAME, is_name, plain_domain
from gateway.authentication.spf.macros import IN_EXPLANATIONS, MacroText, as_name, expand, parse_text, uses
from gateway.authentication.spf.record import (
    All,
    Exists,
    Hosts,
    Include,
    Mechanism,
    Names,
    Network,
    Record,
    RecordError,
    record_of,
)
from gateway.dns.port import Answer, Dns, Failed, Found, Kind, NoName, ask_together
from gateway.domain.access import Address
from gateway.domain.authentication import LONGEST_REASON, Identity, Result, Spf

MOST_LOOKUPS = 10
"""Terms that ask DNS, in all records together (RFC 7208 §4.6.4)."""

MOST_VOID = 2
"""Such terms to which DNS has no answer (RFC 7208 §4.6.4)."""

MOST_NAMES = 10
"""Mail exchanges of a domain, and names of the client, that are looked up (RFC 7208 §4.6.4)."""

LONGEST_EXPLANATION = 400
"""Characters: it goes into a reply of SMTP."""


@dataclass(frozen=True, slots=True)
class Sender:
    """What SPF judges: who connected, and what it said of itself."""

    client: Address
    mailfrom: str  # "" is the null sender
    helo: str

    @property
    def identity(self) -> Identity:
        """Whose domain is judged."""
        return Identity.MAILFROM if self.mailfrom else Identity.HELO

    @property
    def address(self) -> str:
        """The address that is judged (RFC 7208 §2.4, §4.3)."""
        local_part, _, domain = self.mailfrom.rpartition("@")
        return f"{local_part or 'postmaster'}@{domain if self.mailfrom else self.helo}"


class Evaluation:
    """Judges one sender. `receiver` is our own name, `now` the time in seconds since 1970."""

    def __init__(self, dns: Dns, sender: Sender, *, receiver: str = "unknown", now: float = 0) -> None:
        self._dns = dns
        self._client = _plain(sender.client)
        self._number = int(self._client)
        self._sender = sender
        local_part, _, domain = sender.address.rpartition("@")
        self._domain = domain if domain.isascii() else plain_domain(domain)
        self._local_part = local_part
        self._receiver = receiver
        self._now = now
        self._names: tuple[str, ...] | None = None  # of the client, once they were looked up
        self._lookups = 0
        self._void = 0
        self._decided = ""
        self._explanation: tuple[MacroText, str] | None = None

    async def check(self) -> Spf:
        """Whether the client may send for the sender's domain."""
        try:
            result = await self._check(self._domain)
        except _Undecided as undecided:
            return self._outcome(undecided.result, str(undecided))
        return self._outcome(result, self._decided)

    def unanswered(self, reason: str) -> Spf:
        """The outcome when the check takes too long (RFC 7208 §4.6.4)."""
        return self._outcome(Result.TEMPERROR, reason)

    async def explanation(self) -> str:
        """What the domain says to those whose check failed; "" when it says nothing."""
        if self._explanation is None:
            return ""
        text, domain = self._explanation
        match await self._ask(await self._name(text, domain), Kind.TXT):
            case Found() as found if len(found.texts) == 1:
                return await self._explained(found.texts[0], domain)
        return ""

    async def _check(self, domain: str) -> Result:
        """`check_host` for one domain; raises `_Undecided` for what is an error."""
        if "." not in domain.rstrip(".") or not is_name(domain):
            return Result.NONE
        record = await self._record(domain)
        if record is None:
            return Result.NONE
        for directive in record.directives:
            if await self._matches(directive.mechanism, domain):
                self._decided = f"{directive.text} of {domain}"
                if directive.result is Result.FAIL and record.explanation is not None:
                    self._explanation = record.explanation, domain
                return directive.result
        if record.redirect is None:
            return Result.NEUTRAL
        return await self._redirected(record.redirect, domain)

    def _outcome(self, result: Result, reason: str) -> Spf:
        return Spf(result, self._domain[:LONGEST_NAME], self._sender.identity, reason[:LONGEST_REASON])

    async def _record(self, domain: str) -> Record | None:
        match await self._ask(domain, Kind.TXT):
            case Failed(reason):
                raise _Undecided(Result.TEMPERROR, f"the record of {domain} cannot be found now: {reason}")
            case NoName():
                return None
            case Found() as found:
                try:
                    return record_of(found.texts)
                except RecordError as error:
                    raise _Undecided(Result.PERMERROR, f"in the record of {domain}, {error}") from None

    async def _redirected(self, redirect: MacroText, domain: str) -> Result:
        self._count_lookup()
        target = await self._name(redirect, domain)
        result = await self._check(target)
        if result is Result.NONE:
            raise _Undecided(Result.PERMERROR, f"{domain} refers to {target}, which has no record")
        return result

    async def _matches(self, mechanism: Mechanism, domain: str) -> bool:
        match mechanism:
            case All():
                return True
            case Network(version, address, length):
                return self._is_near(version, address, length)
        self._count_lookup()
        match mechanism:
            case Include(target):
                return await self._includes(await self._name(target, domain), domain)
            case Hosts(by_mx, target, lengths):
                name = await self._name(target, domain)
                length = lengths[self._client.version]
                return await (self._has_exchange(name, length) if by_mx else self._has_host(name, length))
            case Names(target):
                return await self._is_named(await self._name(target, domain))
            case Exists(target):
                return bool((await self._found(await self._name(target, domain), Kind.A)).records)

    async def _includes(self, target: str, domain: str) -> bool:
        # What the other record decided or explains is not said to anybody (RFC 7208 §6.2).
        explanation = self._explanation
        result = await self._check(target)
        self._explanation = explanation
        if result is Result.NONE:
            raise _Undecided(Result.PERMERROR, f"{domain} includes {target}, which has no record")
        return result is Result.PASS

    async def _has_host(self, name: str, length: int) -> bool:
        return self._is_any_near(await self._found(name, self._address_kind), length)

    async def _has_exchange(self, name: str, length: int) -> bool:
        exchanges = (await self._found(name, Kind.MX)).exchanges
        if len(exchanges) > MOST_NAMES:
            raise _Undecided(Result.PERMERROR, f"{name} has more than {MOST_NAMES} mail exchanges")
        answers = await self._ask_together([mx.host for mx in exchanges])
        if any(isinstance(answer, Found) and self._is_any_near(answer, length) for answer in answers):
            return True
        for failed in answers:
            if isinstance(failed, Failed):
                raise _Undecided(Result.TEMPERROR, f"the mail exchanges of {name} cannot be found now")
        return False

    async def _is_named(self, target: str) -> bool:
        parent = target.lower()
        return any(name == parent or name.endswith(f".{parent}") for name in await self._client_names())

    async def _client_names(self) -> tuple[str, ...]:
        """The names of the client that lead back to it. What fails is no name (RFC 7208 §5.5)."""
        if self._names is None:
            zone = "in-addr" if self._client.version == 4 else "ip6"
            answer = await self._ask(
                f"{'.'.join(reversed(_dotted(self._client).split('.')))}.{zone}.arpa", Kind.PTR
            )
            names = answer.names[:MOST_NAMES] if isinstance(answer, Found) else ()
            hosts = await self._ask_together(names)
            self._names = tuple(
                name.lower().rstrip(".")
                for name, host in zip(names, hosts, strict=True)
                if isinstance(host, Found) and self._is_any_near(host, self._client.max_prefixlen)
            )
        return self._names

    async def _name(self, target: MacroText, domain: str) -> str:
        if len(target) == 1 and isinstance(target[0], str):  # most have no macros
            return as_name(target[0])
        return as_name(await self._expanded(target, domain)) if target else domain

    async def _expanded(self, text: MacroText, domain: str) -> str:
        name = await self._client_name(domain) if uses(text, "p") else ""
        values = {
            "s": self._sender.address,
            "l": self._local_part,
            "o": self._domain,
            "d": domain,
            "i": _dotted(self._client),
            "p": name,
            "v": "in-addr" if self._client.version == 4 else "ip6",
            "h": self._sender.helo,
            "c": str(self._client),
            "r": self._receiver,
            "t": str(int(self._now)),
        }
        return expand(text, values)

    async def _client_name(self, domain: str) -> str:
        """The value of `p`: a name of the client within the domain, if it has one (RFC 7208 §7.3)."""
        names = await self._client_names()
        parent = domain.lower()
        if parent in names:
            return parent
        within = (name for name in names if name.endswith(f".{parent}"))
        return next(within, names[0] if names else "unknown")

    async def _explained(self, text: bytes, domain: str) -> str:
        try:
            parts = parse_text(text.decode("ascii"), IN_EXPLANATIONS, spaces=True)
        except ValueError:
            return ""
        return (await self._expanded(parts, domain))[:LONGEST_EXPLANATION]

    async def _found(self, name: str, kind: Kind) -> Found:
        """The answer to a term: nothing at all counts as void, and trouble ends the evaluation."""
        match await self._ask(name, kind):
            case Failed(reason):
                raise _Undecided(Result.TEMPERROR, f"{name} cannot be found now: {reason}")
            case Found(records) as found if records:
                return found
        self._void += 1
        if self._void > MOST_VOID:
            raise _Undecided(Result.PERMERROR, f"more than {MOST_VOID} terms name what does not exist")
        return Found()

    async def _ask(self, name: str, kind: Kind) -> Answer:
        return await self._dns.ask(name, kind) if is_name(name) else NoName()

    async def _ask_together(self, hosts: Sequence[str]) -> Sequence[Answer]:
        names = [host for host in hosts if is_name(host)]
        answers = dict(zip(names, await ask_together(self._dns, names, self._address_kind), strict=True))
        return [answers.get(host, NoName()) for host in hosts]

    def _count_lookup(self) -> None:
        self._lookups += 1
        if self._lookups > MOST_LOOKUPS:
            raise _Undecided(Result.PERMERROR, f"more than {MOST_LOOKUPS} terms ask DNS")

    def _is_any_near(self, hosts: Found, length: int) -> bool:
        return any(self._is_near(host.version, int(host), length) for host in map(ip_address, hosts.names))

    def _is_near(self, version: int, address: int, length: int) -> bool:
        distance = self._client.max_prefixlen - length
        return version == self._client.version and self._number >> distance == address >> distance

    @property
    def _address_kind(self) -> Kind:
        return Kind.A if self._client.version == 4 else Kind.AAAA


class _Undecided(Exception):
    """The check ends here, with one of the two errors; the text says why."""

    def __init__(self, result: Result, reason: str) -> None:
        super().__init__(reason)
        self.result = result


def _plain(client: Address) -> Address:
    """IPv4 written as IPv6 is IPv4 (RFC 7208 §5)."""
    return client.ipv4_mapped or client if isinstance(client, IPv6Address) else client


def _dotted(client: Address) -> str:
    """An address with dots: IPv6 as its 32 nibbles (RFC 7208 §7.3)."""
    return str(client) if client.version == 4 else ".".join(f"{int(client):032X}")
