"""Asks a next hop whether it takes mail for an address, by a session that ends before any message.

Nothing but envelope commands is said, under the null sender, which a mail server has to take (RFC 5321
§4.5.5). Where STARTTLS is offered it is used, whoever answers: addresses alone are not worth a refusal.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from gateway.dns.port import Dns, Found, Kind, addresses
from gateway.domain.endpoint import is_address
from gateway.domain.routes import SOCKET, Route

LONGEST_PROBE = 20.0
"""Seconds for one question, whatever hosts are tried. Clients wait for five minutes (RFC 5321 §4.5.3.2.3)."""

MOST_HOSTS = 3
"""Addresses of one next hop that are tried."""

MOST_AT_ONCE = 4
"""Sessions with one next hop. A client that tries names must not keep it from its mail."""

LONGEST_LINE = 2048
MOST_LINES = 128
"""Of one reply."""


class NoAnswer(Exception):
    """The next hop cannot say it now, for the reason that is told."""


class Away(NoAnswer):
    """It cannot say it of any recipient."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    code: int
    lines: tuple[str, ...]

    @property
    def subject(self) -> str:
        """The second number of the enhanced code (RFC 3463 §2); "" when there is none."""
        words = self.lines[0].split(maxsplit=1)
        parts = words[0].split(".") if words else []
        return parts[1] if len(parts) == 3 and all(part.isdecimal() for part in parts) else ""


def takes(answer: Answer) -> bool:
    """Whether RCPT TO was answered with yes or no. `NoAnswer` if neither was said of the recipient."""
    if 200 <= answer.code < 300:
        return True
    # Other codes, and 5.7.1, speak of us, of a policy, or of the session.
    if answer.code in (550, 551, 553) and answer.subject in ("", "1", "2"):
        return False
    raise NoAnswer(f"it answered RCPT TO with {answer.code} {' '.join(answer.lines)}")


class Prober:
    """Asks next hops. `hostname` is what we call ourselves."""

    def __init__(self, dns: Dns, hostname: str) -> None:
        self._dns = dns
        self._hostname = hostname
        self._turns: dict[Route, asyncio.Semaphore] = {}

    async def ask(self, route: Route, address: str) -> bool:
        """Whether the next hop of `route` takes mail for `address`. Raises `NoAnswer`."""
        turn = self._turns.setdefault(route, asyncio.Semaphore(MOST_AT_ONCE))
        try:
            async with asyncio.timeout(LONGEST_PROBE), turn:
                hello = "LHLO" if route.lmtp else "EHLO"
                return await self._ask_some(await self._hosts(route), hello, address)
        except TimeoutError:
            raise Away(f"no answer within {LONGEST_PROBE:g} s") from None

    async def _ask_some(self, hosts: Sequence[tuple[str, int]], hello: str, address: str) -> bool:
        reason = Away("it has no address now")
        for host, port in hosts:
            try:
                return await _probe(host, port, f"{hello} {self._hostname}", address)
            except Away as away:
                reason = away
            except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
                reason = Away(f"{host}: {error}")
        raise reason

    async def _hosts(self, route: Route) -> Sequence[tuple[str, int]]:
        """The addresses of a next hop, the best first."""
        if is_address(route.host) or route.host.startswith(SOCKET):
            return [(route.host, route.port)]
        if not route.by_mx:
            found = [await self._dns.host(route.host)]
        else:
            names = await self._exchanges(route.host)
            found = await asyncio.gather(*(addresses(self._dns, name) for name in names))
        ips = [ip for answer in found if isinstance(answer, Found) for ip in answer.names]
        return [(ip, route.port) for ip in ips[:MOST_HOSTS]]

    async def _exchanges(self, domain: str) -> Sequence[str]:
        answer = await self._dns.ask(domain, Kind.MX)
        exchanges = answer.exchanges if isinstance(answer, Found) else ()
        best = sorted((exchange for exchange in exchanges if exchange.host), key=lambda one: one.preference)
        return [exchange.host for exchange in best[:MOST_HOSTS]] or [domain]


async def _probe(host: str, port: int, hello: str, address: str) -> bool:
    if host.startswith(SOCKET):
        path = host.removeprefix(SOCKET)
        reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_LINE)
    else:
        reader, writer = await asyncio.open_connection(host, port, limit=LONGEST_LINE)
    session = _Session(reader, writer)
    try:
        await session.greet(hello)
        return await session.ask(address)
    finally:
        await session.leave()


class _Session:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._extensions: frozenset[str] = frozenset()

    async def greet(self, hello: str) -> None:
        _expect_positive(await self._reply(), "its greeting")
        answer = await self._say(hello)
        if answer.code >= 500 and hello.startswith("EHLO"):
            answer = await self._say(hello.replace("EHLO", "HELO", 1))
        elif "STARTTLS" in _extensions(answer):
            _expect_positive(await self._say("STARTTLS"), "STARTTLS")
            if await self._has_more():
                raise ValueError("it said more than it may before TLS")
            await self._writer.start_tls(_unverified())
            answer = await self._say(hello)
        _expect_positive(answer, "our greeting")
        self._extensions = _extensions(answer)

    async def ask(self, address: str) -> bool:
        if not address.isascii() and "SMTPUTF8" not in self._extensions:
            raise NoAnswer("it does not know addresses beyond ASCII")
        mail = "MAIL FROM:<>" if address.isascii() else "MAIL FROM:<> SMTPUTF8"  # RFC 6531 §3.4
        _expect_positive(await self._say(mail), mail)
        return takes(await self._say(f"RCPT TO:<{address}>"))

    async def leave(self) -> None:
        # Nobody waits for the answer to QUIT: what there was to be known is known.
        with suppress(OSError):
            self._writer.write(b"QUIT\r\n")
            self._writer.close()

    async def _say(self, command: str) -> Answer:
        self._writer.write(command.encode() + b"\r\n")
        await self._writer.drain()
        return await self._reply()

    async def _has_more(self) -> bool:
        """Whether anything came that was not read: in the clear, it would be taken for what TLS protects."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                return bool(await self._reader.read(1))
        return False

    async def _reply(self) -> Answer:
        lines: list[str] = []
        while len(lines) < MOST_LINES:
            line = await self._reader.readuntil(b"\r\n")
            code, mark, text = line[:3], line[3:4], line[4:-2]
            if not code.isdigit() or mark not in (b" ", b"-", b"\r"):
                raise ValueError("it does not speak SMTP")
            lines.append(text.decode("utf-8", "replace"))
            if mark != b"-":
                return Answer(int(code), tuple(lines))
        raise ValueError("a reply does not end")


def _extensions(hello: Answer) -> frozenset[str]:
    return frozenset(line.upper().partition(" ")[0] for line in hello.lines[1:])


def _expect_positive(answer: Answer, what: str) -> None:
    if not 200 <= answer.code < 300:
        raise Away(f"it answered {what} with {answer.code} {' '.join(answer.lines)}")


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
