"""Our SMTP client beside aiosmtplib: CPU and messages per second over one kept connection.

`python -m bench.clients` prints a table. The server runs in a process of its own and is not counted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection

import aiosmtplib
import uvloop

from gateway.domain.mail import Envelope, Recipient
from services.sender.content import in_one_piece
from services.sender.greeter import Greeter
from services.sender.hosts import Host
from services.sender.session import Timeouts

KINDS = {"5 KB text": (5 << 10, 3000), "139 KB": (139 << 10, 500), "1 MB": (1 << 20, 100)}
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
    conversation = await Greeter("gw.example", TIMEOUTS).meet(Host("sink.example", "127.0.0.1", port))

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


def main() -> None:
    """Print the table: medians of rounds in which the clients take turns."""
    port_end, child_end = get_context("spawn").Pipe()
    server = get_context("spawn").Process(target=_serve, args=(child_end,), daemon=True)
    server.start()
    port: int = port_end.recv()
    print(f"{'message':<12}{'client':<14}{'CPU ms':>8}{'msg/s':>9}")
    for kind, (size, count) in KINDS.items():
        message = b"Subject: bench\r\n\r\n" + LINE * (size // len(LINE))
        taken: dict[str, list[tuple[float, float]]] = {"ours": [], "aiosmtplib": []}
        for _ in range(ROUNDS):
            taken["ours"].append(_measured(ours, port, message, count))
            taken["aiosmtplib"].append(_measured(aiosmtplibs, port, message, count))
        for client, rounds in taken.items():
            cpu, wall = sorted(rounds)[len(rounds) // 2]
            print(f"{kind:<12}{client:<14}{cpu / count * 1000:>8.3f}{count / wall:>9.0f}")
    server.terminate()
    server.join()


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
