"""Mail to ten destinations, of which one is down and one crawls, beside the same with all of them well.

`python -m bench.destinations` fills a queue with mail for all ten in turn, lets the sender go, and prints how
fast the mail of the other eight arrived. The sender is that of the embedded gateway, in this process; the
destinations are in another one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from gateway.config.load import load_settings
from gateway.domain.journey import Entered
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Stage
from gateway.runtime.heartbeat import Heartbeat
from gateway.runtime.ids import new_id
from gateway.runtime.lifecycle import Lifecycle
from gateway.runtime.wiring import Gateway, open_gateway
from services.sender.__main__ import run
from tests.support.gateway import make_site
from tests.support.mails import a_mail
from tests.support.ports import free_port

DESTINATIONS = 10
DOWN, CRAWLING = 3, 7
MAILS = 2000
ROUNDS = 3
CRAWL_SECONDS = 20.0
"""How long the crawling one takes for each of its answers."""
MESSAGE = b"Subject: bench\r\n\r\n" + b"The quick brown fox jumps over the lazy dog.\r\n" * 20

_SPAWN = get_context("spawn")


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of the mail to the eight."""

    seconds: float  # from the first to the last that arrived
    longest_gap: float  # seconds without any of them

    @property
    def rate(self) -> float:
        """Messages a second."""
        return MAILS * (DESTINATIONS - 2) / DESTINATIONS / self.seconds


def main() -> None:
    """Print the table: the two cases take turns."""
    logging.disable(logging.CRITICAL)
    cases: Mapping[str, Sequence[int]] = {"all are well": (), "one is down, one crawls": (DOWN, CRAWLING)}
    taken: dict[str, list[Measured]] = {case: [] for case in cases}
    for _ in range(ROUNDS):
        for case, bad in cases.items():
            taken[case].append(uvloop.run(_measured(bad)))
    print(f"{'destinations':<25}{'msg/s to the eight':>20}{'longest gap ms':>16}")
    for case, rounds in taken.items():
        middle = sorted(rounds, key=lambda measured: measured.rate)[len(rounds) // 2]
        print(f"{case:<25}{middle.rate:>20.0f}{middle.longest_gap * 1000:>16.0f}")


async def _measured(bad: Sequence[int]) -> Measured:
    mine, theirs = _SPAWN.Pipe()
    peers = _SPAWN.Process(target=_serve, args=(theirs, bad), daemon=True)
    peers.start()
    ports: list[int] = mine.recv()
    routes = "\n".join(f"*@d{number}.example [127.0.0.1:{port}]" for number, port in enumerate(ports))
    lifecycle = Lifecycle(Heartbeat(None))
    with TemporaryDirectory(prefix="mailwarden-bench-") as folder:
        settings = {"smtpgw.forward ForwardRoute": routes}
        site = make_site(Path(folder), next_hop_port=1, settings=settings)
        async with open_gateway(load_settings(site.config, site.environment), lifecycle) as gateway:
            await _fill(gateway)
            sending = asyncio.create_task(run(gateway))
            times: list[float] = sorted(await asyncio.to_thread(mine.recv))
            # What the crawling one has been given is not waited for.
            peers.terminate()
            lifecycle.stop()
            await sending
    peers.join()
    return Measured(times[-1] - times[0], max(later - earlier for earlier, later in pairwise(times)))


async def _fill(gateway: Gateway) -> None:
    now = datetime.now(UTC)
    mails: list[Mail] = []
    for number in range(MAILS):
        mail_id = new_id()
        writer = gateway.blobs.create(mail_id)
        await writer.write(MESSAGE)
        mail = a_mail(mail_id, f"user@d{number % DESTINATIONS}.example", body=await writer.commit())
        mails.append(replace(mail, envelope=replace(mail.envelope, received_at=now)))
    gateway.records.note(*(Entered(mail, Stage.SENDER, now) for mail in mails))
    await gateway.bus.publish(Stage.SENDER, mails)


def _serve(pipe: Connection, bad: Sequence[int]) -> None:
    uvloop.run(_destinations(pipe, bad))


async def _destinations(pipe: Connection, bad: Sequence[int]) -> None:
    times: list[float] = []
    all_there = asyncio.Event()
    ports = []
    for number in range(DESTINATIONS):
        if number in bad and number == DOWN:
            ports.append(free_port())
            continue
        counted = times if number not in (DOWN, CRAWLING) else []
        delay = CRAWL_SECONDS if number in bad else 0.0
        server = await asyncio.start_server(partial(_session, counted, delay, all_there), "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
    pipe.send(ports)
    await all_there.wait()
    pipe.send(times)
    await asyncio.Event().wait()


async def _session(
    times: list[float],
    delay: float,
    all_there: asyncio.Event,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    async def answer(line: bytes) -> None:
        if delay:
            await asyncio.sleep(delay)
        writer.write(line + b"\r\n")

    await answer(b"220 sink.example ESMTP")
    while line := await reader.readline():
        match line[:4].upper():
            case b"EHLO":
                await answer(b"250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME")
            case b"DATA":
                await answer(b"354 go on")
                await reader.readuntil(b"\r\n.\r\n")
                times.append(time.monotonic())
                if len(times) == MAILS * (DESTINATIONS - 2) // DESTINATIONS:
                    all_there.set()
                await answer(b"250 2.0.0 taken")
            case b"QUIT":
                await answer(b"221 2.0.0 bye")
                break
            case _:
                await answer(b"250 2.0.0 OK")
    writer.close()


if __name__ == "__main__":
    main()
