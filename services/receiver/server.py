"""One SMTP session: what a client says, command by command, and what it is answered.

What commands mean is found by `dialogue`, which is pure; here is waited for them, and for what they need.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from ssl import SSLContext

from gateway.domain.access import Address
from gateway.domain.mail import Envelope
from gateway.domain.statistics import Counter
from gateway.records.port import Records
from gateway.runtime import maillog
from services.receiver import replies
from services.receiver.admission import Admission, Visitor
from services.receiver.arguments import parse_chunk
from services.receiver.connection import Connection
from services.receiver.dialogue import Dialogue
from services.receiver.door import Door
from services.receiver.incoming import CommandLines, Unusable
from services.receiver.refusals import counters_of, refuses
from services.receiver.replies import Reply
from services.receiver.rules import Rules
from services.receiver.spool import Spool
from services.receiver.transfer import Transfer, pass_over

MOST_FRUITLESS = 100
"""Commands in one session that may lead to no message before it is ended."""

SLOWEST = 1024
"""Bytes a second of a message that is in no danger when others find no room."""

_SMTP_NOT_HERE = frozenset({"EXPN", "AUTH", "BDAT", "ETRN", "TURN", "ATRN", "SEND", "SOML", "SAML"})
_OTHER_PROTOCOLS = frozenset({"GET", "HEAD", "POST", "PUT", "OPTIONS", "CONNECT"})
_LEADS_TO_A_MESSAGE = frozenset({"MAIL", "RCPT", "DATA", "BDAT"})
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
    records: Records
    tls: SSLContext | None = None
    sessions: set[Session] = field(default_factory=set)

    def slowest(self) -> Session | None:
        """The session whose client keeps us waiting longest, if that is too long while others wait."""
        slowest = max(self.sessions, key=Session.kept_waiting, default=None)
        if slowest is None or slowest.kept_waiting() < self.rules.timeouts.when_full:
            return None
        return slowest


class Session:
    """One client, from the greeting to the end. `run` ends by itself; `close` ends it early."""

    def __init__(self, house: House, connection: Connection, client: Address) -> None:
        self._commands = {
            "HELO": self._helo,
            "EHLO": self._ehlo,
            "STARTTLS": self._starttls,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": self._noop,
            "VRFY": self._vrfy,
            "HELP": self._help,
            "QUIT": self._quit,
        }
        if house.rules.chunking:
            self._commands["BDAT"] = self._bdat
        self.connection = connection
        self._house = house
        self._client = client
        self._timeouts = house.rules.timeouts
        self._dialogue = Dialogue(house.rules, client)
        self._lines = CommandLines()
        self._visitor = Visitor(house.admission, client)
        self._transfer: Transfer | None = None  # of the message under way
        self._data_due: float | None = None  # when the next step to a message has to come, once RCPT was said
        self._data_refused = False
        self._fruitless = 0
        self._waits_for_command = False
        self._idle_since = connection.now()  # no message was accepted since

    async def run(self) -> None:
        """Serve the client."""
        self._house.sessions.add(self)
        self._dialogue.encrypted(self.connection.tls())  # where TLS came first
        try:
            await self._converse()
        except TimeoutError:
            self._house.records.count(Counter.INCOMING_CONNECTION_ERRORS)
            self.connection.say(self._noted(replies.TIMED_OUT))
        except (EOFError, OSError):
            pass  # The connection broke: whom could we tell?
        except Exception:
            # The one place for faults of our own: the client must not lose a message by them.
            _log.exception("fault in a session with [%s]", self._client)
            self.connection.say(replies.FAULT)
        finally:
            await self._forget()
            self._house.sessions.discard(self)

    def kept_waiting(self) -> float:
        """For how long the client that is waited for has done too little, in seconds."""
        if not self.connection.is_waited_for():
            return 0.0
        received = self._transfer.size if self._transfer is not None else 0
        return self.connection.now() - self._idle_since - received / SLOWEST

    def close(self) -> None:
        """End the session at the next moment when no message of it is under way."""
        if self._waits_for_command and self._transfer is None:
            self.connection.say(replies.SHUT)
            self.connection.close()

    def make_room(self) -> None:
        """End the session at once, for somebody who does not keep us waiting."""
        self._house.sessions.discard(self)
        self.connection.say(self._noted(replies.MADE_ROOM))
        self.connection.abort()

    async def _converse(self) -> None:
        reply = await self._greeting()
        self.connection.say(reply)
        while not reply.closes:
            name, reply = await self._next_reply()
            self.connection.say(reply, at_once=name not in _ANSWERED_TOGETHER)
            if reply is replies.READY_FOR_TLS:
                await self._encrypt()
        if reply not in (replies.GOODBYE, replies.SHUT):
            await self.connection.linger()

    async def _greeting(self) -> Reply:
        """What the client hears first, once it has been silent for as long as it has to be."""
        pause = self._visitor.pause()
        if not pause:
            return self._dialogue.greet()
        self._waits_for_command = True
        try:
            await self.connection.receive(self.connection.now() + pause)
        except TimeoutError:
            self._visitor.kept_silent()
            return self._dialogue.greet()
        finally:
            self._waits_for_command = False
        return self._visitor.spoke_early()

    async def _next_reply(self) -> tuple[str, Reply]:
        """The next command, by name, and the reply to it."""
        if self._house.door.closing and self._transfer is None:
            return "", replies.SHUT
        name, reply = await self._answer_to(await self._next_command())
        self._fruitless += not (name in _LEADS_TO_A_MESSAGE and reply.positive)
        return name, reply if self._fruitless <= MOST_FRUITLESS else replies.TOO_MANY_FRUITLESS

    async def _next_command(self) -> bytes | Unusable:
        due = self._data_due or self.connection.now() + self._timeouts.command
        self._waits_for_command = True
        try:
            while (line := self._lines.next()) is None:
                self._lines.add(await self.connection.receive(due))
            return line
        finally:
            self._waits_for_command = False

    async def _answer_to(self, line: bytes | Unusable) -> tuple[str, Reply]:
        """The name of the command, and the reply to it."""
        if isinstance(line, Unusable):
            return "", replies.DATA_AS_COMMANDS if self._data_refused else _UNUSABLE[line]

        # Surrogates keep what is no UTF-8 apart from all that is; the arguments are checked for both.
        name, _, argument = line.decode("utf-8", "surrogateescape").partition(" ")
        name = name.upper() if name.isascii() else ""
        command = self._commands.get(name)
        if command is None:
            return name, self._unknown(name)
        self._data_refused = False
        return name, await command(argument.strip(" \t"))

    def _unknown(self, name: str) -> Reply:
        if self._data_refused:
            # The client sent its message although it was told not to. Commands in it are not its own.
            return replies.DATA_AS_COMMANDS
        if name in _OTHER_PROTOCOLS:
            return replies.NOT_A_MAIL_CLIENT
        return replies.NOT_IMPLEMENTED if name in _SMTP_NOT_HERE else replies.NOT_A_COMMAND

    async def _helo(self, argument: str) -> Reply:
        return await self._hello(argument, extended=False)

    async def _ehlo(self, argument: str) -> Reply:
        return await self._hello(argument, extended=True)

    async def _hello(self, argument: str, *, extended: bool) -> Reply:
        reply = self._dialogue.hello(argument, extended=extended)
        if reply.positive:
            await self._forget()
        return reply

    async def _starttls(self, argument: str) -> Reply:
        reply = self._dialogue.start_tls(argument)
        # What was sent ahead came in the clear, from whomever: none of it may be taken for a command that
        # came under TLS (RFC 3207 §6). Most likely an attacker put it there.
        if reply is replies.READY_FOR_TLS and not (self._lines.empty and self.connection.hold()):
            return replies.NOTHING_AFTER_STARTTLS
        return reply

    async def _encrypt(self) -> None:
        if self._house.tls is None:
            raise RuntimeError("STARTTLS was offered without a certificate")
        await self._forget()
        try:
            await self.connection.encrypt(self._house.tls)
        except OSError as problem:
            _log.info("no TLS with [%s]: %s", self._client, problem or type(problem).__name__)
            self._house.records.count(Counter.INCOMING_CONNECTION_ERRORS)
            raise EOFError from problem
        self._lines = CommandLines()
        self._dialogue.encrypted(self.connection.tls())

    async def _mail(self, argument: str) -> Reply:
        shut = replies.SHUT if self._house.door.shut else await self._house.spool.refusal()
        return self._noted(shut or self._dialogue.mail(argument), sender=_path(argument))

    async def _rcpt(self, argument: str) -> Reply:
        if self._data_due is None:
            self._data_due = self.connection.now() + self._timeouts.data_initiation
        recipient = self._dialogue.recipient(argument)
        if isinstance(recipient, Reply):
            return self._noted(recipient, recipient=_path(argument))
        refusal = await self._visitor.refusal(self._dialogue.request(recipient))
        return refusal or self._dialogue.admit(recipient)

    async def _data(self, argument: str) -> Reply:
        envelope = self._dialogue.data(argument, self._house.spool.now())
        if isinstance(envelope, Reply):
            return self._refuse_data(envelope)
        self.connection.say(replies.START_MAIL_INPUT)
        return await self._ended(await self._begin(envelope).whole(self._lines))

    async def _bdat(self, argument: str) -> Reply:
        chunk = parse_chunk(argument)
        if chunk is None:
            return replies.SIZE_UNKNOWN
        transfer = self._transfer
        if transfer is None:
            envelope = self._dialogue.chunks(self._house.spool.now())
            if isinstance(envelope, Reply):
                due = self._data_due or self.connection.now() + self._timeouts.data_termination
                await pass_over(chunk.size, self._lines, self.connection, due)
                return envelope
            transfer = self._begin(envelope)
            self._data_due = transfer.due
        reply, is_last = await transfer.part(chunk, self._lines)
        return await self._ended(reply) if is_last else reply

    async def _rset(self, argument: str) -> Reply:
        if argument:
            return replies.NO_ARGUMENT_HERE
        self._dialogue.reset()
        await self._forget()
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
        self.connection.say(refusal)
        return replies.DATA_AS_COMMANDS

    def _begin(self, envelope: Envelope) -> Transfer:
        """Begin a message."""
        reception = self._house.spool.receive(envelope, *self._dialogue.most_bytes())
        self._transfer = Transfer(reception, self.connection, self._timeouts)
        return self._transfer

    async def _ended(self, reply: Reply) -> Reply:
        """The data of a message has come to its end, and this is the reply to it."""
        self._noted(reply)
        if self._transfer is not None:
            self._dialogue.ended(self._transfer.size)
        await self._forget()
        if reply.positive:
            self._fruitless, self._idle_since = 0, self.connection.now()
        return reply

    async def _forget(self) -> None:
        """Forget the message under way."""
        transfer, self._transfer, self._data_due = self._transfer, None, None
        if transfer is not None:
            await transfer.abandon()

    def _noted(self, reply: Reply, *, sender: str | None = None, recipient: str | None = None) -> Reply:
        """The reply; it is written down and counted when it refuses mail."""
        if not refuses(reply):
            return reply
        dialogue = self._dialogue
        maillog.refused(
            self._house.records.count,
            counters_of(reply, Counter.RECEIVINGS_REFUSED),
            str(self._client),
            str(reply),
            helo=dialogue.client_name or None,
            sender=dialogue.sender if sender is None else sender,
            recipient=recipient,
        )
        return reply


def _path(argument: str) -> str:
    """What stands between the angle brackets of MAIL or RCPT, however wrong it is."""
    return argument.partition("<")[2].rpartition(">")[0]
