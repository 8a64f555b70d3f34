"""A mail server that does what it is told: takes mail, refuses it, dawdles, or hangs up at any point.

It speaks SMTP or LMTP, in the clear or in TLS, with or without ESMTP.

    async with smtp_peer() as peer:
        peer.answers["RCPT TO:<bob@b.example>"] = "550 5.1.1 no such user"
        ...
        assert peer.received[0].body == b"..."

What it takes is kept in memory, byte for byte as it came (dots unstuffed).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

HANG_UP = "hang up"
"""As an answer: close the connection instead."""
SILENCE = "silence"
"""As an answer: say nothing, and go on reading."""

EXTENSIONS = ("PIPELINING", "SIZE 10485760", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8")


@dataclass(frozen=True, slots=True)
class Received:
    """A message that the peer took."""

    mail_from: str  # the whole command, parameters included
    rcpt_to: tuple[str, ...]  # those that were accepted
    body: bytes
    session: int
    tls: bool = False


@dataclass(eq=False)
class SmtpPeer:
    """What the peer offers and answers, and what came. All of it may be changed while it runs."""

    extensions: Sequence[str] = EXTENSIONS
    extensions_in_tls: Sequence[str] | None = None  # None: the same
    answers: dict[str, str] = field(default_factory=dict)
    """By the beginning of a command as it came, and `greeting` and `.`: the lines to answer. The longest
    beginning wins. `HANG_UP` and `SILENCE` are answers too. LMTP answers the end of data for each recipient,
    by `.` and the command that named it: `.RCPT TO:<bob`."""
    tls: ssl.SSLContext | None = None  # with one, STARTTLS is offered in the clear
    behind_starttls: bytes = b""  # sent in the clear right behind the answer to STARTTLS
    delay: float = 0.0  # seconds before each answer
    lmtp: bool = False
    most_recipients: int = 1000  # of one message; the others hear 452
    hold: asyncio.Event | None = None  # while it is not set, end of data is not answered
    reads: bool = True  # False: takes no message data from the network
    received: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)  # what each read of commands gave
    most_sessions: int = 1000  # at once; the others hear 421
    sessions: int = 0
    open_sessions: int = 0
    most_open_sessions: int = 0
    host: str = "127.0.0.1"
    port: int = 0
    _waiting: asyncio.Condition = field(default_factory=asyncio.Condition)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def until_received(self, count: int, *, within: float = 30.0) -> None:
        """Return when so many messages were taken."""
        async with asyncio.timeout(within), self._waiting:
            await self._waiting.wait_for(lambda: len(self.received) >= count)

    def hang_up_all(self) -> None:
        """Close all connections that are open now."""
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        self.open_sessions += 1
        self.most_open_sessions = max(self.most_open_sessions, self.open_sessions)
        self._writers.add(writer)
        try:
            await _Session(self, reader, writer, self.sessions).run()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # also what ssl says of a sender that does not trust us
        finally:
            self.open_sessions -= 1
            self._writers.discard(writer)
            writer.close()

    async def _take(self, received: Received) -> None:
        async with self._waiting:
            self.received.append(received)
            self._waiting.notify_all()


class _HungUp(ConnectionError):
    pass


class _Session:
    def __init__(
        self, peer: SmtpPeer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self._peer = peer
        self._reader = reader
        self._writer = writer
        self._number = number
        self._buffer = bytearray()
        self._sender = ""
        self._recipients: list[str] = []
        self._in_tls = False

    async def run(self) -> None:
        await self._dawdle()
        if self._peer.open_sessions > self._peer.most_sessions:
            self._writer.write(b"421 4.7.0 too many sessions\r\n")
            return
        self._say("greeting", "220 peer.example ESMTP")
        while command := await self._command():
            self._peer.commands.append(command)
            await self._dawdle()
            match command[:4].upper():
                case "EHLO" | "LHLO" as verb if (verb == "LHLO") is self._peer.lmtp:
                    self._say(command, _lines(250, ["peer.example", *self._offered()]))
                case "EHLO" | "HELO" | "LHLO" if self._peer.lmtp or command[:4].upper() == "LHLO":
                    self._say(command, "500 5.5.1 another protocol is spoken here")
                case "STAR" if self._peer.tls and not self._in_tls:
                    await self._start_tls(command, self._peer.tls)
                case "MAIL":
                    self._sender, self._recipients = command, []
                    if not self._say(command, "250 2.1.0 OK"):
                        self._sender = ""
                case "RCPT" if not self._sender:
                    self._say(command, "503 5.5.1 MAIL first")
                case "RCPT" if len(self._recipients) == self._peer.most_recipients:
                    self._writer.write(b"452 4.5.3 too many recipients\r\n")
                case "RCPT":
                    if self._say(command, "250 2.1.5 OK"):
                        self._recipients.append(command)
                case "DATA" if not self._recipients:
                    self._say(command, "554 5.5.1 no valid recipients")
                case "DATA":
                    await self._data(command)
                case "RSET":
                    self._sender, self._recipients = "", []
                    self._say(command, "250 2.0.0 OK")
                case "QUIT":
                    self._say(command, "221 2.0.0 bye")
                    return
                case _:
                    self._say(command, "250 2.0.0 OK")

    def _offered(self) -> Sequence[str]:
        if self._in_tls:
            in_tls = self._peer.extensions_in_tls
            return self._peer.extensions if in_tls is None else in_tls
        return (*self._peer.extensions, "STARTTLS") if self._peer.tls else self._peer.extensions

    async def _start_tls(self, command: str, context: ssl.SSLContext) -> None:
        if not self._say(command, "220 2.0.0 go on in TLS"):
            return
        self._writer.write(self._peer.behind_starttls)
        await self._writer.start_tls(context)
        self._sender, self._recipients, self._in_tls = "", [], True

    async def _dawdle(self) -> None:
        if self._peer.delay:
            await asyncio.sleep(self._peer.delay)

    async def _command(self) -> str:
        while (end := self._buffer.find(b"\r\n")) < 0:
            chunk = await self._reader.read(1 << 16)
            if not chunk:
                return ""
            self._peer.chunks.append(chunk)
            self._buffer += chunk
        command = self._buffer[:end].decode()
        del self._buffer[: end + 2]
        return command

    async def _data(self, command: str) -> None:
        if not self._say(command, "354 go on", positive=range(300, 400)):
            return
        body = await self._body()
        if self._peer.hold:
            await self._peer.hold.wait()
        verdicts = [f".{command}" for command in self._recipients] if self._peer.lmtp else ["."]
        taken = [one for one in verdicts if self._answer(one, "250").startswith(("250", HANG_UP))]
        recipients = [one.removeprefix(".") for one in taken] if self._peer.lmtp else self._recipients
        if taken:
            # It is taken before the sender can know: what hangs up here has the message all the same.
            received = Received(self._sender, tuple(recipients), body, self._number, self._in_tls)
            await self._peer._take(received)
        self._sender, self._recipients = "", []
        await self._dawdle()
        for verdict in verdicts:
            self._say(verdict, "250 2.0.0 taken")

    async def _body(self) -> bytes:
        if self._buffer == b"" and not self._peer.reads:
            await asyncio.Event().wait()
        while True:
            if self._buffer.startswith(b".\r\n"):
                end, skip = 0, 3
                break
            if (end := self._buffer.find(b"\r\n.\r\n")) >= 0:
                end, skip = end + 2, 3
                break
            chunk = await self._reader.read(1 << 20)
            if not chunk:
                raise _HungUp
            if early := self._peer.answers.get("while data comes"):
                self._writer.write(early.encode() + b"\r\n")
                raise _HungUp
            self._buffer += chunk
        stuffed = bytes(self._buffer[:end])
        del self._buffer[: end + skip]
        return stuffed[1 if stuffed.startswith(b".") else 0 :].replace(b"\r\n..", b"\r\n.")

    def _say(self, command: str, usual: str, *, positive: range = range(200, 300)) -> bool:
        answer = self._answer(command, usual)
        if answer == HANG_UP:
            raise _HungUp
        if answer == SILENCE:
            return False
        self._writer.write(answer.encode("utf-8", "surrogateescape") + b"\r\n")
        return answer[:3].isdigit() and int(answer[:3]) in positive

    def _answer(self, command: str, usual: str) -> str:
        fitting = [start for start in self._peer.answers if command.upper().startswith(start.upper())]
        return self._peer.answers[max(fitting, key=len)] if fitting else usual


@asynccontextmanager
async def smtp_peer(
    *, host: str = "127.0.0.1", port: int = 0, socket_path: Path | None = None
) -> AsyncIterator[SmtpPeer]:
    """A peer on a free port, or on `port`, or at a socket in the file system."""
    peer = SmtpPeer(host=host)
    if socket_path:
        server = await asyncio.start_unix_server(peer._serve, socket_path)
    else:
        server = await asyncio.start_server(peer._serve, host, port)
        peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        peer.hang_up_all()
        await server.wait_closed()


def _lines(code: int, texts: Sequence[str]) -> str:
    *earlier, last = texts
    return "".join(f"{code}-{text}\r\n" for text in earlier) + f"{code} {last}"
