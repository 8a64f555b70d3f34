"""A mail server that does what it is told: takes mail, refuses it, dawdles, or hangs up at any point.

    async with smtp_peer() as peer:
        peer.answers["RCPT TO:<bob@b.example>"] = "550 5.1.1 no such user"
        ...
        assert peer.received[0].body == b"..."

What it takes is kept in memory, byte for byte as it came (dots unstuffed).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

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


@dataclass(eq=False)
class SmtpPeer:
    """What the peer offers and answers, and what came. All of it may be changed while it runs."""

    extensions: Sequence[str] = EXTENSIONS
    answers: dict[str, str] = field(default_factory=dict)
    """By the beginning of a command as it came, and `greeting` and `.`: the lines to answer. The longest
    beginning wins. `HANG_UP` and `SILENCE` are answers too."""
    hold: asyncio.Event | None = None  # while it is not set, end of data is not answered
    reads: bool = True  # False: takes no message data from the network
    received: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)  # what each read of commands gave
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
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
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

    async def run(self) -> None:
        self._say("greeting", "220 peer.example ESMTP")
        while command := await self._command():
            self._peer.commands.append(command)
            match command[:4].upper():
                case "EHLO":
                    self._say(command, _lines(250, ["peer.example", *self._peer.extensions]))
                case "MAIL":
                    self._sender, self._recipients = command, []
                    if not self._say(command, "250 2.1.0 OK"):
                        self._sender = ""
                case "RCPT" if not self._sender:
                    self._say(command, "503 5.5.1 MAIL first")
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
        # It is taken before the sender can know: what hangs up here has the message all the same.
        if self._answer(".", "250").startswith(("250", HANG_UP)):
            received = Received(self._sender, tuple(self._recipients), body, self._number)
            await self._peer._take(received)
        self._sender, self._recipients = "", []
        self._say(".", "250 2.0.0 taken")

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
async def smtp_peer(*, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[SmtpPeer]:
    """A peer on a free port, or on `port`."""
    peer = SmtpPeer(host=host)
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
