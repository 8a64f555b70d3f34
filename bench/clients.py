"""Our SMTP client beside aiosmtplib: CPU and messages per second over kept connections.

`python -m bench.clients` prints a table. The server runs in a process of its own and is not counted. With one
session, the clients alone are compared; with several, ours is all that stands between the worker and the
network: limits, lanes, choice of a kept connection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection

import aiosmtplib
import uvloop

from gateway.domain.mail import Envelope, Recipient
from services.sender.connections import Connections, Limits
from services.sender.content import in_one_piece
from services.sender.greeter import Greeter
from services.sender.hosts import Host
from services.sender.session import Timeouts

KINDS = {
    "1 KB": (1 << 10, 4000),
    "5 KB": (5 << 10, 3000),
    "139 KB": (139 << 10, 500),
    "1 MB": (1 << 20, 100),
}
SESSIONS = 4
LINE = b"The quick brown fox jumps over the lazy dog, and nobody minds at all.\r\n"
ROUNDS = 3
EXTENSIONS = b"250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
ENVELOPE = Envelope(
    sender="a@client.example",
    recipients=(Recipient("b@site.example"),),
    client_ip="192.0.2.1",
    received_at=datetime(2026, 1, 1, tzinfo=UTC),
)
TIMEOUTS = Timeouts(
    initial=60, hello=60, mail=60, rcpt=60, data_initiation=60, data_termination=60, quit=60, write=60
)

Run = Callable[[int, bytes, int], Coroutine[None, None, None]]


async def ours(port: int, message: bytes, count: int) -> None:
    """Send with the sender's own client, dots stuffed anew for each message."""
    conversation = await Greeter("gw.example", TIMEOUTS).meet(_host(port))
    for _ in range(count):
        await conversation.deliver(ENVELOPE, in_one_piece(message))
    conversation.leave()
    await conversation.closed()


async def aiosmtplibs(port: int, message: bytes, count: int) -> None:
    """Send with aiosmtplib, command by command, as it wants to be used for options per recipient."""
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False, timeout=60)
    await client.connect()
    await client.ehlo()
    for _ in range(count):
        await client.mail(ENVELOPE.sender)
        await client.rcpt(ENVELOPE.recipients[0].address)
        await client.data(message)
    await client.quit()


async def ours_at_once(port: int, message: bytes, count: int) -> None:
    """Send over several kept connections as the sender does: whichever is free has the next message."""
    limits = Limits(total=SESSIONS, per_host=SESSIONS, messages_each=count)
    connections = Connections(Greeter("gw.example", TIMEOUTS).meet, limits)
    host = _host(port)

    async def some() -> None:
        for _ in range(count // SESSIONS):
            await connections.deliver(host, ENVELOPE, in_one_piece(message))

    await asyncio.gather(*(some() for _ in range(SESSIONS)))
    await connections.close()


async def aiosmtplibs_at_once(port: int, message: bytes, count: int) -> None:
    """The same with as many clients of aiosmtplib, each of which has a connection of its own."""
    await asyncio.gather(*(aiosmtplibs(port, message, count // SESSIONS) for _ in range(SESSIONS)))


CLIENTS: Mapping[tuple[str, int], Run] = {
    ("ours", 1): ours,
    ("aiosmtplib", 1): aiosmtplibs,
    ("ours", SESSIONS): ours_at_once,
    ("aiosmtplib", SESSIONS): aiosmtplibs_at_once,
}


def main() -> None:
    """Print the table: medians of rounds in which the clients take turns."""
    port_end, child_end = get_context("spawn").Pipe()
    server = get_context("spawn").Process(target=_serve, args=(child_end,), daemon=True)
    server.start()
    port: int = port_end.recv()
    print(f"{'message':<9}{'sessions':>8}  {'client':<11}{'CPU ms':>8}{'msg/s':>9}")
    for kind, (size, count) in KINDS.items():
        message = b"Subject: bench\r\n\r\n" + LINE * (size // len(LINE))
        taken: dict[tuple[str, int], list[tuple[float, float]]] = {client: [] for client in CLIENTS}
        for _ in range(ROUNDS):
            for client, run in CLIENTS.items():
                taken[client].append(_measured(run, port, message, count))
        for (client_name, sessions), rounds in taken.items():
            cpu, wall = sorted(rounds)[len(rounds) // 2]
            print(f"{kind:<9}{sessions:>8}  {client_name:<11}{cpu / count * 1000:>8.3f}{count / wall:>9.0f}")
    server.terminate()
    server.join()


def _host(port: int) -> Host:
    return Host("sink.example", "127.0.0.1", port)


def _measured(run: Run, port: int, message: bytes, count: int) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    uvloop.run(run(port, message, count))
    return time.process_time() - cpu, time.perf_counter() - wall


def _serve(tell: Connection) -> None:
    uvloop.run(_sink(tell))


async def _sink(tell: Connection) -> None:
    server = await asyncio.start_server(_session, "127.0.0.1", 0, limit=1 << 20)
    tell.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 sink.example ESMTP\r\n")
    in_data, tail, buffer = False, b"", b""
    while chunk := await reader.read(1 << 20):
        if in_data:
            tail = (tail + chunk)[-5:]
            if tail != b"\r\n.\r\n":
                continue
            in_data = False
            writer.write(b"250 2.0.0 taken\r\n")
            continue
        *commands, buffer = (buffer + chunk).split(b"\r\n")
        for command in commands:
            match command[:4].upper():
                case b"EHLO":
                    writer.write(EXTENSIONS)
                case b"DATA":
                    in_data, tail = True, b""
                    writer.write(b"354 go on\r\n")
                case b"QUIT":
                    writer.write(b"221 bye\r\n")
                    writer.close()
                case _:
                    writer.write(b"250 2.1.0 OK\r\n")
    writer.close()


if __name__ == "__main__":
    main()
