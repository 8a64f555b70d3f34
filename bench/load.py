"""The load: a process that sends messages in several sessions at once, and one that takes them at the end.

Both are plain asyncio protocols, cheap beside any server between them. Times are of the machine's
monotonic clock, so those of the two processes can be compared.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import cast

import uvloop

from bench.messages import TRACK, message

ANSWER_SECONDS = 120.0
MESSAGES_PER_SESSION = 90  # below what the gateway takes in one session by default

_SPAWN = get_context("spawn")


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent, and how."""

    kind: str
    count: int
    sessions: int
    pause: float = 0.0  # seconds between the messages of a session: for latency without load
    first: int = 0  # number of the first message: what was sent before is remembered, and costs less


@dataclass(frozen=True, slots=True)
class Sent:
    """How the sending went."""

    begun: Mapping[int, float]  # when the first byte of each message was sent
    ended: float  # when the last one was accepted


def send(port: int, load: Load) -> Sent:
    """Send all messages to 127.0.0.1:`port`."""
    mine, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_send_process, args=(port, load, theirs), daemon=True)
    process.start()
    theirs.close()
    sent: Sent = mine.recv()
    process.join()
    return sent


class Sink:
    """A mail server that takes everything at once and keeps nothing but the time."""

    def __init__(self) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self._process: BaseProcess = _SPAWN.Process(target=_sink_process, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.port: int = self._pipe.recv()

    def arrived(self) -> dict[int, float]:
        """When each message arrived, by its number."""
        self._pipe.send("arrived")
        times: dict[int, float] = self._pipe.recv()
        return times

    def reset(self) -> None:
        """Forget all arrivals."""
        self._pipe.send("reset")
        self._pipe.recv()

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(10)


def _send_process(port: int, load: Load, pipe: Connection) -> None:
    pipe.send(uvloop.run(_send_all(port, load)))


async def _send_all(port: int, load: Load) -> Sent:
    # Made beforehand: the making must not slow the sending.
    numbers = range(load.first, load.first + load.count)
    waiting = iter([(number, _on_the_wire(message(number, load.kind))) for number in numbers])
    sent: dict[int, float] = {}
    async with asyncio.TaskGroup() as group:
        for _ in range(load.sessions):
            group.create_task(_sessions(port, load, waiting, sent))
    return Sent(sent, time.monotonic())


def _on_the_wire(content: bytes) -> bytes:
    return content.replace(b"\r\n.", b"\r\n..") + b".\r\n"


async def _sessions(
    port: int, load: Load, waiting: Iterator[tuple[int, bytes]], sent: dict[int, float]
) -> None:
    exhausted = False
    while not exhausted:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await _reply(reader, b"220")
        await _say(reader, writer, b"EHLO client.example\r\n", b"250")
        for _ in range(MESSAGES_PER_SESSION):
            upcoming = next(waiting, None)
            if upcoming is None:
                exhausted = True
                break
            number, content = upcoming
            sent[number] = time.monotonic()
            await _say(reader, writer, b"MAIL FROM:<sender@client.example>\r\n", b"250")
            await _say(reader, writer, b"RCPT TO:<recipient@site.example>\r\n", b"250")
            await _say(reader, writer, b"DATA\r\n", b"354")
            await _say(reader, writer, content, b"250")
            if load.pause:
                await asyncio.sleep(load.pause)
        await _say(reader, writer, b"QUIT\r\n", b"221")
        writer.close()


async def _say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes, code: bytes) -> None:
    writer.write(line)
    await writer.drain()
    await _reply(reader, code)


async def _reply(reader: asyncio.StreamReader, code: bytes) -> None:
    async with asyncio.timeout(ANSWER_SECONDS):
        while True:
            line = await reader.readline()
            if line[3:4] != b"-":
                break
    if not line.startswith(code):
        raise RuntimeError(f"expected {code.decode()}, was told {line.decode(errors='replace').strip()!r}")


class _SinkSession(asyncio.Protocol):
    """Answers commands, pipelined or not, and takes data in whatever pieces it comes."""

    def __init__(self, arrived: dict[int, float]) -> None:
        self._arrived = arrived
        self._waiting = b""
        self._in_data = False
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has no such base class
        self._transport.write(b"220 sink.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        replies = b""
        while True:
            if self._in_data:
                end = self._waiting.find(b"\r\n.\r\n")
                if len(self._head) < 65536:
                    self._head += self._waiting[: end if end >= 0 else -4 or None]
                if end < 0:
                    self._waiting = self._waiting[-4:]
                    break
                self._note()
                self._waiting = self._waiting[end + 5 :]
                self._in_data = False
                replies += b"250 2.0.0 OK\r\n"
                continue
            line, found, rest = self._waiting.partition(b"\r\n")
            if not found:
                break
            self._waiting = rest
            replies += self._answer(line[:4].upper())
        if replies:
            self._transport.write(replies)

    def _answer(self, verb: bytes) -> bytes:
        if verb == b"EHLO":
            return b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
        if verb == b"DATA":
            self._in_data = True
            self._head = b""
            # The empty message ends with the line end of DATA itself.
            self._waiting = b"\r\n" + self._waiting
            return b"354 go on\r\n"
        if verb == b"QUIT":
            return b"221 2.0.0 bye\r\n"
        return b"250 2.0.0 OK\r\n"

    def _note(self) -> None:
        start = self._head.find(TRACK)
        if start >= 0:
            end = self._head.find(b"\r\n", start)
            self._arrived.setdefault(int(self._head[start + len(TRACK) : end]), time.monotonic())


def _sink_process(pipe: Connection) -> None:
    uvloop.run(_serve_sink(pipe))


async def _serve_sink(pipe: Connection) -> None:
    arrived: dict[int, float] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _SinkSession(arrived), "127.0.0.1", 0, backlog=512)
    pipe.send(server.sockets[0].getsockname()[1])
    ended = asyncio.Event()

    def answer() -> None:
        try:
            asked = pipe.recv()
        except EOFError:
            loop.remove_reader(pipe.fileno())
            ended.set()
            return
        if asked == "reset":
            arrived.clear()
        pipe.send(dict(arrived))

    loop.add_reader(pipe.fileno(), answer)
    await ended.wait()
    server.close()
