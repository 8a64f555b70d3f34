"""The way into an embedded bus for commands of operators, which are processes of their own.

The process that holds the bus listens on a socket beside the bus's file, which its own account and root
can open and nobody else. One request is answered after the other; each is a length and MessagePack.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from gateway.bus import wire
from gateway.bus.port import Inlet
from gateway.domain.commands import Command
from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Stage

LARGEST_REQUEST = 16 << 20
"""Bytes. Mail on the wire has some KB, at most a carried body more."""

AT_ONCE = 4 << 20
"""Bytes of mail that a caller sends in one request."""

MOST_CALLERS = 16
"""Connections at once; who comes then is sent away."""

IDLE_SECONDS = 60.0
"""A caller who says nothing for so long is hung up on."""

ANSWER_SECONDS = 30.0
"""A door that does not answer in this time is as good as closed."""

_LENGTH = 4


class Publish(msgspec.Struct, tag=True):
    """Mail for a stage, each as it lies on the bus."""

    stage: Stage
    urgent: bool
    mails: list[bytes]


class Tell(msgspec.Struct, tag=True):
    """A command for all processes."""

    command: bytes


_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(Publish | Tell)


class Door:
    """Lets callers in."""

    def __init__(self, bus: Inlet, path: Path) -> None:
        self._bus = bus
        self._path = path
        self._server: asyncio.Server | None = None
        self._callers: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, bus: Inlet, path: Path) -> Door:
        """Let callers in at `path`. Raises `ConfigError`.

        Only the holder of `bus` may: a socket that lies there was left by one who died.
        """
        door = cls(bus, path)
        try:
            door._server = await asyncio.start_unix_server(door._receive, sock=_bound(path))
        except OSError as error:
            raise ConfigError(f"{path}: cannot listen there: {error}; its folder must be writable") from error
        return door

    async def close(self) -> None:
        """Let nobody in any more; what is being answered is cut off."""
        if self._server is None:
            return
        self._path.unlink(missing_ok=True)
        self._server.close()
        for caller in self._callers:
            caller.cancel()
        await asyncio.gather(*self._callers, return_exceptions=True)

    def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._callers) >= MOST_CALLERS:
            writer.close()
            return
        caller = asyncio.create_task(self._attend(reader, writer), name="caller at the bus")
        self._callers.add(caller)
        caller.add_done_callback(self._callers.discard)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                async with asyncio.timeout(IDLE_SECONDS):
                    request = await _read(reader)
                await _write(writer, (await self._answer(request)).encode())
        except (OSError, EOFError, TimeoutError):
            return  # it left, or said something that is no request
        finally:
            writer.close()

    async def _answer(self, request: bytes) -> str:
        """What went wrong, or "" when it was done."""
        try:
            match _requests.decode(request):
                case Publish(stage, urgent, mails):
                    await self._bus.publish(stage, [wire.decode(mail) for mail in mails], urgent=urgent)
                case Tell(command):
                    await self._bus.tell(wire.decode_command(command))
        except (TemporaryFailure, wire.Undecodable, msgspec.MsgspecError, UnicodeDecodeError) as error:
            return str(error) or type(error).__name__
        return ""


class Caller:
    """The bus of another process, as far as that lets others in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()

    @classmethod
    async def at(cls, path: Path) -> Caller | None:
        """Who holds the bus with the door at `path`; None when nobody does."""
        try:
            with _within_reach(path) as address:
                return cls(*await asyncio.open_unix_connection(address))
        except (FileNotFoundError, ConnectionRefusedError):
            return None

    async def publish(self, stage: Stage, mails: Sequence[Mail], *, urgent: bool = False) -> None:
        """See `Bus.publish`. After a failure, some may be on the bus."""
        for page in _pages([wire.encode(mail) for mail in mails]):
            await self._ask(Publish(stage, urgent, page))

    async def tell(self, command: Command) -> None:
        """See `Bus.tell`."""
        await self._ask(Tell(wire.encode_command(command)))

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _ask(self, request: Publish | Tell) -> None:
        try:
            async with self._turn, asyncio.timeout(ANSWER_SECONDS):
                await _write(self._writer, _encoder.encode(request))
                trouble = await _read(self._reader)
        except (OSError, EOFError, TimeoutError) as error:
            raise TemporaryFailure(f"the gateway does not answer: {error or type(error).__name__}") from error
        if trouble:
            raise TemporaryFailure(trouble.decode("utf-8", "replace"))


def door_of(bus_file: Path) -> Path:
    """Where the process listens that holds the bus in that file."""
    return bus_file.with_suffix(".sock")


def _pages(mails: Sequence[bytes]) -> Iterator[list[bytes]]:
    page: list[bytes] = []
    size = 0
    for mail in mails:
        if page and size + len(mail) > AT_ONCE:
            yield page
            page, size = [], 0
        page.append(mail)
        size += len(mail)
    if page:
        yield page


async def _read(reader: asyncio.StreamReader) -> bytes:
    length = int.from_bytes(await reader.readexactly(_LENGTH))
    if length > LARGEST_REQUEST:
        raise ConnectionError(f"a request of {length} bytes is too large")
    return await reader.readexactly(length)


async def _write(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(len(content).to_bytes(_LENGTH) + content)
    await writer.drain()


def _bound(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _within_reach(path) as address:
            bound.bind(address)
        path.chmod(0o600)  # nobody can connect before somebody listens
    except BaseException:
        bound.close()
        raise
    return bound


@contextmanager
def _within_reach(path: Path) -> Iterator[str]:
    """`path`, however long, as the address of a socket, which has room for 107 bytes (`man 7 unix`)."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
