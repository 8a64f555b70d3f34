"""One SMTP session with one host, in which any number of messages can be handed over (RFC 5321).

Commands of a transaction go out in one write when the host allows it (RFC 2920), message data in large
chunks, and each reply is waited for with a time-out of its own. Whatever breaks off ends the session.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import NoReturn, cast

from gateway.domain.journey import Answer
from gateway.domain.mail import Envelope, Recipient
from services.sender.content import Content
from services.sender.hosts import Answers, Host, answered, unanswered
from services.sender.replies import BadReply, Reply, ReplyReader

CONNECT_SECONDS = 30.0
"""A host that does not even complete the TCP handshake in this time is unreachable."""

CLOSING = 421
START_DATA = 354


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds that a host may take for each of its replies (reference, section 12.12)."""

    initial: float
    hello: float
    mail: float
    rcpt: float
    data_initiation: float
    data_termination: float
    quit: float
    write: float  # for each chunk of data, so large messages have more time


class Interrupted(Exception):
    """The session broke off. Nothing was handed over, or nobody knows: `unsure`."""

    def __init__(self, reason: str, *, code: int = 0, enhanced: str = "", unsure: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.enhanced = enhanced
        self.unsure = unsure  # all data was sent, but its reply never came


class Unreachable(Interrupted):
    """No session came about, and the host did not say why: others need not try for a while."""


async def converse(host: Host, hostname: str, timeouts: Timeouts) -> Conversation:
    """Connect to `host` and exchange greetings; we call ourselves `hostname`. Raises `Interrupted`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(min(CONNECT_SECONDS, timeouts.initial)):
            _, conversation = await loop.create_connection(
                lambda: Conversation(host, timeouts), host.ip, host.port
            )
    except TimeoutError:
        raise Unreachable("the connection was not answered in time") from None
    except OSError as error:
        raise Unreachable(f"no connection: {error.strerror or error}") from error
    try:
        await conversation.greet(hostname)
    except BaseException as cause:
        conversation.abandon("the greetings were cut off")
        if isinstance(cause, Interrupted) and not cause.code:
            raise Unreachable(cause.reason) from cause
        raise
    return conversation


class Conversation(asyncio.Protocol):
    """A session after its greetings. One transaction at a time."""

    def __init__(self, host: Host, timeouts: Timeouts) -> None:
        self.host = host
        self.transactions = 0  # how many were begun
        self._timeouts = timeouts
        self._transport: asyncio.Transport
        self._extensions: dict[str, str] = {}
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
        self._unfinished = False  # the host still remembers an earlier transaction
        self._over = ""  # why nothing more can be said; "" while the session stands
        self._waiting: asyncio.Future[None] | None = None  # for a reply, or the end
        self._blocked: asyncio.Future[None] | None = None  # until the peer reads what was written
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def usable(self) -> bool:
        """Whether another transaction may begin: the host has neither left nor said anything unasked."""
        return not self._over and not self._replies

    async def greet(self, hostname: str) -> None:
        """Wait for the host's greeting, and say EHLO, or HELO to a host that does not know it."""
        greeting = await self._reply(self._timeouts.initial)
        if greeting.code != 220:
            self._break_off("it does not want to talk to us", greeting)
        hello = await self._ask(f"EHLO {hostname}", self._timeouts.hello)
        if hello.permanent:
            hello = await self._ask(f"HELO {hostname}", self._timeouts.hello)
        elif hello.positive:
            self._extensions = dict(_extension(line) for line in hello.lines[1:])
        if not hello.positive:
            self._break_off("it does not accept our greeting", hello)

    async def deliver(self, envelope: Envelope, content: Content) -> Answers:
        """Hand over one message for the recipients of `envelope`. Raises `Interrupted`."""
        if problem := self._impossible(envelope, content):
            return unanswered(envelope.recipients, Answer.REFUSED, *problem, server=str(self.host))
        try:
            return await self._transaction(envelope, content)
        except BaseException:
            # Cut off in the middle, the session is at no point where another transaction could begin.
            self.abandon("a transaction was cut off")
            raise

    def abandon(self, reason: str) -> None:
        """Drop the connection: nothing more can be said."""
        self._over = self._over or reason
        self._transport.abort()

    def leave(self) -> None:
        """Say QUIT and close, without making anybody wait for it (RFC 5321 §4.1.1.10)."""
        if self._over:
            return
        self._over = "we left"
        self._transport.write(b"QUIT\r\n")
        timer = asyncio.get_running_loop().call_later(self._timeouts.quit, self._transport.abort)
        self._closed.add_done_callback(lambda _: timer.cancel())

    async def closed(self) -> None:
        """Return when the connection is closed."""
        await asyncio.shield(self._closed)

    def _impossible(self, envelope: Envelope, content: Content) -> tuple[str, str] | None:
        limit = self._extensions.get("SIZE", "")
        if limit.isdecimal() and 0 < int(limit) < content.size:
            return "5.3.4", f"the message has {content.size} bytes, and the host takes at most {limit}"
        if _needs_utf8(envelope) and "SMTPUTF8" not in self._extensions:
            return "5.6.7", "the host does not take addresses or headers in UTF-8"
        return None

    async def _transaction(self, envelope: Envelope, content: Content) -> Answers:
        if self._unfinished:
            await self._write_and_wait(b"RSET\r\n", self._timeouts.mail)
        self.transactions += 1
        self._unfinished = True
        mail = self._mail_command(envelope, content)
        rcpts = [self._rcpt_command(to) for to in envelope.recipients]
        pipelining = "PIPELINING" in self._extensions
        if pipelining:
            self._transport.write(b"".join((mail, *rcpts, b"DATA\r\n")))
        ask = self._next_answer if pipelining else self._write_and_wait

        from_reply = self._judged(await ask(mail, self._timeouts.mail))
        if not from_reply.positive and not pipelining:
            return self._answers(envelope, [from_reply] * len(rcpts))
        replies = [self._judged(await ask(rcpt, self._timeouts.rcpt)) for rcpt in rcpts]
        if not from_reply.positive:
            replies = [from_reply] * len(rcpts)
        wanted = any(reply.positive for reply in replies)
        if not wanted and not pipelining:
            return self._answers(envelope, replies)

        result = await self._data(ask, content, wanted=wanted)
        return self._answers(envelope, [result if reply.positive else reply for reply in replies])

    async def _data(
        self, ask: Callable[[bytes, float], Awaitable[Reply]], content: Content, *, wanted: bool
    ) -> Reply:
        go = await ask(b"DATA\r\n", self._timeouts.data_initiation)
        if go.code != START_DATA:
            if go.code < 400:
                self._break_off("it answered DATA with neither yes nor no", go)
            return go
        if wanted:
            result = await self._send(content)
        else:
            # It wants data for no recipients: an empty message ends the transaction (RFC 2920 §3.1).
            result = await self._write_and_wait(b".\r\n", self._timeouts.data_termination)
        self._unfinished = False
        return result

    async def _send(self, content: Content) -> Reply:
        async with aclosing(content.wire()) as wire:
            async for chunk in wire:
                if not self.usable:
                    return await self._cut_off()
                self._transport.write(chunk)
                if self._blocked:
                    await self._unblocked()
        try:
            result = await self._reply(self._timeouts.data_termination)
        except Interrupted as interrupted:
            interrupted.unsure = not interrupted.code
            raise
        return self._judged(result, unsure=True)

    async def _cut_off(self) -> Reply:
        """What a host said, if anything, that did not let us come to the end of the message."""
        early = await self._reply(0)
        if early.code < 400:
            self._break_off("it answered before the end of the message", early)
        self.abandon("it cut off the message")
        return early

    def _mail_command(self, envelope: Envelope, content: Content) -> bytes:
        words = [f"MAIL FROM:<{envelope.sender}>"]
        if "SIZE" in self._extensions:
            words.append(f"SIZE={content.size}")
        if "8BITMIME" in self._extensions and (content.eight_bit or envelope.eight_bit):
            words.append("BODY=8BITMIME")
        if _needs_utf8(envelope):
            words.append("SMTPUTF8")
        if "DSN" in self._extensions:
            if envelope.returns:
                words.append(f"RET={envelope.returns}")
            if envelope.envelope_id:
                words.append(f"ENVID={envelope.envelope_id}")
        return _command(words)

    def _rcpt_command(self, to: Recipient) -> bytes:
        words = [f"RCPT TO:<{to.address}>"]
        if "DSN" in self._extensions:
            if to.notify:
                words.append(f"NOTIFY={','.join(to.notify)}")
            if to.original:
                words.append(f"ORCPT={to.original}")
        return _command(words)

    def _answers(self, envelope: Envelope, replies: list[Reply]) -> Answers:
        together = zip(envelope.recipients, replies, strict=True)
        return Answers(
            tuple(answered(to, self.host, reply) for to, reply in together),
            confirms="DSN" in self._extensions,
        )

    def _judged(self, reply: Reply, *, unsure: bool = False) -> Reply:
        if 300 <= reply.code < 400:
            self._break_off("it answered with neither yes nor no", reply, unsure=unsure)
        return reply

    async def _ask(self, command: str, seconds: float) -> Reply:
        return await self._write_and_wait(_command([command]), seconds)

    async def _write_and_wait(self, command: bytes, seconds: float) -> Reply:
        self._transport.write(command)
        return await self._reply(seconds)

    async def _next_answer(self, command: bytes, seconds: float) -> Reply:
        """The answer to a `command` that was written with those before it."""
        return await self._reply(seconds)

    async def _reply(self, seconds: float) -> Reply:
        try:
            async with asyncio.timeout(seconds):
                while not self._replies:
                    if self._over:
                        raise Interrupted(self._over)
                    self._waiting = asyncio.get_running_loop().create_future()
                    await self._waiting
        except TimeoutError:
            self._break_off(f"no answer within {seconds:g} s")
        reply = self._replies.popleft()
        if reply.code == CLOSING:
            self._break_off("it closes the connection", reply)
        return reply

    async def _unblocked(self) -> None:
        try:
            async with asyncio.timeout(self._timeouts.write):
                while self._blocked and not self._over:
                    await self._blocked
        except TimeoutError:
            self._break_off(f"it took none of the message for {self._timeouts.write:g} s")

    def _break_off(self, reason: str, reply: Reply | None = None, *, unsure: bool = False) -> NoReturn:
        self.abandon(reason)
        if reply is None:
            raise Interrupted(reason, unsure=unsure)
        raise Interrupted(f"{reason}: {reply.text}", code=reply.code, enhanced=reply.enhanced, unsure=unsure)

    def _wake(self) -> None:
        for waiting in (self._waiting, self._blocked if self._over else None):
            if waiting and not waiting.done():
                waiting.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP stands."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, chunk: bytes) -> None:
        """The host said something."""
        if self._over:
            self._transport.close()
            return
        try:
            self._replies.extend(self._reader.feed(chunk))
        except BadReply as bad:
            self._over = str(bad)
            self._transport.abort()
        self._wake()

    def eof_received(self) -> None:
        """The host says no more; the transport closes."""
        self._over = self._over or "it closed the connection"
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """TCP is gone."""
        self._over = self._over or f"the connection was lost: {error or 'closed'}"
        if not self._closed.done():
            self._closed.set_result(None)
        self._wake()

    def pause_writing(self) -> None:
        """The host reads slower than we write."""
        self._blocked = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """The host has caught up."""
        blocked, self._blocked = self._blocked, None
        if blocked and not blocked.done():
            blocked.set_result(None)


def _extension(line: str) -> tuple[str, str]:
    keyword, _, arguments = line.partition(" ")
    return keyword.upper(), arguments.strip()


def _needs_utf8(envelope: Envelope) -> bool:
    addresses = (envelope.sender, *(to.address for to in envelope.recipients))
    return envelope.utf8 or not all(address.isascii() for address in addresses)


def _command(words: list[str]) -> bytes:
    line = " ".join(words)
    if "\r" in line or "\n" in line:
        raise ValueError("an address or parameter holds a line end: it would be read as a command")
    return line.encode() + b"\r\n"
