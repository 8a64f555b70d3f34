"""One SMTP session over a socket: aiosmtpd's, with our own reading of commands and message data.

The only file that knows aiosmtpd. What it replaces are private members of the pinned version, so
`tests/unit/receiver/test_server.py` holds it to that version. Kept from aiosmtpd is the life of a
connection, with the table of its commands.

aiosmtpd reads a line at a time with a limit of 1001 bytes, takes LF alone as the end of a command, and
refuses the parameters of DSN. Here bytes are read in pieces as they come, and their meaning is found by
`incoming`, `arguments` and `dialogue`, which are pure.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field

from aiosmtpd.smtp import SMTP

from gateway.domain.access import Address, client_address
from gateway.domain.mail import Envelope
from services.receiver import replies
from services.receiver.admission import Admission, Visitor
from services.receiver.dialogue import Dialogue
from services.receiver.door import Door
from services.receiver.incoming import CommandLines, MessageData, Unusable
from services.receiver.replies import Reply
from services.receiver.rules import Rules
from services.receiver.spool import Spool

MOST_FRUITLESS = 100
"""Commands in one session that may lead to no message before it is ended."""

_PIECE = 1 << 17
"""Bytes read at once. A session holds at most four times as much that it has not yet stored."""

_LINGER = 5.0
"""Seconds that a client has to take its last reply."""

_SMTP_NOT_HERE = frozenset(
    {"EXPN", "AUTH", "STARTTLS", "BDAT", "ETRN", "TURN", "ATRN", "SEND", "SOML", "SAML"}
)
_OTHER_PROTOCOLS = frozenset({"GET", "HEAD", "POST", "PUT", "OPTIONS", "CONNECT"})
_LEADS_TO_A_MESSAGE = frozenset({"MAIL", "RCPT", "DATA"})
_ANSWERED_TOGETHER = frozenset({"MAIL", "RCPT", "RSET"})  # when they come as a group (RFC 2920 §3.2)

_UNUSABLE = {Unusable.TOO_LONG: replies.LINE_TOO_LONG, Unusable.BARE_LINE_END: replies.BARE_LINE_END}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class House:
    """What all sessions of the process share."""

    rules: Rules
    door: Door
    admission: Admission
    spool: Spool
    sessions: set[Session] = field(default_factory=set)


class Session(SMTP):
    """One client. Ends by itself; `close` ends it early."""

    line_length_limit = _PIECE

    def __init__(self, house: House) -> None:
        super().__init__(
            handler=None,
            hostname=house.rules.hostname,
            data_size_limit=None,
            loop=asyncio.get_running_loop(),
        )
        self._smtp_methods = {
            "HELO": self._helo,
            "EHLO": self._ehlo,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": self._noop,
            "VRFY": self._vrfy,
            "HELP": self._help,
            "QUIT": self._quit,
        }
        self._house = house
        self._timeouts = house.rules.timeouts
        self._lines = CommandLines()
        self._dialogue: Dialogue
        self._visitor: Visitor
        self._data_due: float | None = None  # when DATA has to come, once RCPT was said
        self._data_refused = False
        self._fruitless = 0
        self._unsent: list[bytes] = []
        self._waits_for_command = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        super().connection_made(transport)
        # aiosmtpd has one time-out for all. Ours are set for each wait, in `_receive`.
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()

    def eof_received(self) -> bool | None:
        """Let a client that sends no more still get its replies: aiosmtpd would drop what it has sent."""
        return super(SMTP, self).eof_received()

    def task(self) -> asyncio.Task[None]:
        """What runs the session. No property: aiosmtpd reads all of those before there is one."""
        if self._handler_coroutine is None:
            raise RuntimeError("asked for the task of a session that was never connected")
        return self._handler_coroutine

    def close(self) -> None:
        """End the session at the next moment when no message of it is under way."""
        if self._waits_for_command:
            self._say(replies.SHUT)
            self._writer.close()

    async def _handle_client(self) -> None:
        """The whole session. aiosmtpd runs this as a task, and cancels it when the connection is lost."""
        self._house.sessions.add(self)
        try:
            client = self._client_address()
            if client is not None:
                await self._let_in(client)
        finally:
            await self._hang_up()
            self._house.sessions.discard(self)

    async def _let_in(self, client: Address) -> None:
        refusal = self._house.door.enter(client)
        if refusal is not None:
            self._say(refusal)
            return
        try:
            self._dialogue = Dialogue(self._house.rules, client)
            self._visitor = Visitor(self._house.admission, client)
            await self._converse()
        except TimeoutError:
            self._say(replies.TIMED_OUT)
        except (EOFError, OSError):
            pass  # The connection broke: whom could we tell?
        except Exception:
            # The one place for faults of our own: the client must not lose a message by them.
            _log.exception("fault in a session with [%s]", client)
            self._say(replies.FAULT)
        finally:
            self._house.door.leave(client)

    async def _converse(self) -> None:
        reply = await self._greeting()
        self._say(reply)
        while not reply.closes:
            name, reply = await self._next_reply()
            self._say(reply, at_once=name not in _ANSWERED_TOGETHER)
        self._send()
        if reply not in (replies.GOODBYE, replies.SHUT):
            await self._linger()

    async def _greeting(self) -> Reply:
        """What the client hears first, once it has been silent for as long as it has to be."""
        pause = self._visitor.pause()
        if not pause:
            return self._dialogue.greet()
        self._waits_for_command = True
        try:
            await self._receive(self._now() + pause)
        except TimeoutError:
            self._visitor.kept_silent()
            return self._dialogue.greet()
        finally:
            self._waits_for_command = False
        return self._visitor.spoke_early()

    async def _next_reply(self) -> tuple[str, Reply]:
        """The next command, by name, and the reply to it."""
        if self._house.door.closing:
            return "", replies.SHUT
        name, reply = await self._answer_to(await self._next_command())
        self._fruitless += not (name in _LEADS_TO_A_MESSAGE and reply.positive)
        return name, reply if self._fruitless <= MOST_FRUITLESS else replies.TOO_MANY_FRUITLESS

    async def _next_command(self) -> bytes | Unusable:
        due = self._data_due or self._now() + self._timeouts.command
        self._waits_for_command = True
        try:
            while (line := self._lines.next()) is None:
                self._lines.add(await self._receive(due))
            return line
        finally:
            self._waits_for_command = False

    async def _answer_to(self, line: bytes | Unusable) -> tuple[str, Reply]:
        """The name of the command, and the reply to it."""
        if isinstance(line, Unusable):
            return "", replies.DATA_AS_COMMANDS if self._data_refused else _UNUSABLE[line]

        # Surrogates keep what is not ASCII apart from all that is; the arguments are checked for it.
        name, _, argument = line.decode("ascii", "surrogateescape").partition(" ")
        name = name.upper()
        command = self._smtp_methods.get(name)
        if command is None:
            return name, self._unknown(name)
        self._data_refused = False
        return name, await command(argument.strip())

    def _unknown(self, name: str) -> Reply:
        if self._data_refused:
            # The client sent its message although it was told not to. Commands in it are not its own.
            return replies.DATA_AS_COMMANDS
        if name in _OTHER_PROTOCOLS:
            return replies.NOT_A_MAIL_CLIENT
        return replies.NOT_IMPLEMENTED if name in _SMTP_NOT_HERE else replies.NOT_A_COMMAND

    async def _helo(self, argument: str) -> Reply:
        self._data_due = None
        return self._dialogue.hello(argument, extended=False)

    async def _ehlo(self, argument: str) -> Reply:
        self._data_due = None
        return self._dialogue.hello(argument, extended=True)

    async def _mail(self, argument: str) -> Reply:
        if self._house.door.shut:
            return replies.SHUT
        return await self._house.spool.refusal() or self._dialogue.mail(argument)

    async def _rcpt(self, argument: str) -> Reply:
        if self._data_due is None:
            self._data_due = self._now() + self._timeouts.data_initiation
        recipient = self._dialogue.recipient(argument)
        if isinstance(recipient, Reply):
            return recipient
        refusal = await self._visitor.refusal(self._dialogue.request(recipient))
        return refusal or self._dialogue.admit(recipient)

    async def _data(self, argument: str) -> Reply:
        envelope = self._dialogue.data(argument, self._house.spool.now())
        if isinstance(envelope, Reply):
            return self._refuse_data(envelope)

        self._say(replies.START_MAIL_INPUT)
        self._data_due = None
        reply = await self._receive_message(envelope)
        if reply.positive:
            self._fruitless = 0
        return reply

    async def _rset(self, argument: str) -> Reply:
        if argument:
            return replies.NO_ARGUMENT_HERE
        self._data_due = None
        self._dialogue.reset()
        return replies.DONE

    async def _noop(self, argument: str) -> Reply:
        return replies.DONE

    async def _vrfy(self, argument: str) -> Reply:
        return replies.NOT_VERIFIED if argument else replies.VRFY_NEEDS_ADDRESS

    async def _help(self, argument: str) -> Reply:
        return replies.HELP

    async def _quit(self, argument: str) -> Reply:
        return replies.NO_ARGUMENT_HERE if argument else replies.GOODBYE

    def _refuse_data(self, refusal: Reply) -> Reply:
        self._data_refused = True
        if self._lines.empty:
            return refusal
        # Nothing may follow DATA before our answer (RFC 2920 §3.1). What does is a message that its
        # writer may have filled with commands, so none of it is acted on.
        self._say(refusal)
        return replies.DATA_AS_COMMANDS

    async def _receive_message(self, envelope: Envelope) -> Reply:
        """Read a message to its end, whatever becomes of it, and store it as it comes."""
        due = self._now() + self._timeouts.data_termination
        message = MessageData()
        async with self._house.spool.receive(envelope, *self._dialogue.most_bytes()) as reception:
            chunk = self._lines.rest()
            await reception.write(message.take(chunk))
            while not message.ended:
                chunk = await self._receive(min(due, self._now() + self._timeouts.read))
                await reception.write(message.take(chunk))
            self._lines.add(message.rest)
            reply = await reception.finish(malformed=message.malformed)
        self._dialogue.ended(reception.size)
        return reply

    async def _receive(self, due: float) -> bytes:
        """Bytes from the client, once it has taken what it was told. `TimeoutError` when that is `due`."""
        self._send()
        async with asyncio.timeout_at(due):
            await self._writer.drain()
            chunk: bytes = await self._reader.read(_PIECE)
        if not chunk:
            raise EOFError
        return chunk

    def _say(self, reply: Reply, *, at_once: bool = True) -> None:
        """Send a reply, at the latest when the client is waited for."""
        self._unsent.append(reply.wire())
        if at_once:
            self._send()

    def _send(self) -> None:
        """Send what was said, in one write: TCP_NODELAY is set by the loop, so that it leaves now."""
        if self._unsent and self.transport is not None:
            self._writer.write(b"".join(self._unsent))
        self._unsent.clear()

    async def _linger(self) -> None:
        """Read on until the client closes: closing over what it sends would take our reply from it."""
        due = self._now() + _LINGER
        if self._writer.can_write_eof():
            self._writer.write_eof()
        with suppress(EOFError, OSError):
            while True:
                await self._receive(due)

    async def _hang_up(self) -> None:
        """Close the connection once the client has taken its last reply, or does not within `_LINGER`."""
        if self.transport is None:
            return
        self._writer.close()
        self._reset_timeout(_LINGER)
        with suppress(OSError):
            await self._writer.wait_closed()

    def _timeout_cb(self) -> None:
        self._writer.transport.abort()

    def _client_address(self) -> Address | None:
        """Who connected; None when it is gone already."""
        peer = self._writer.get_extra_info("peername")
        if not peer:
            return None
        return client_address(peer[0].partition("%")[0])

    def _now(self) -> float:
        return self.loop.time()
