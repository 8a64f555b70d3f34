"""One receiver beside bare aiosmtpd: messages a second, CPU, and memory under many large messages.

`python -m bench.receiver` prints two tables. All servers run at once and take turns; nobody takes mail
from the receiver's bus. Bare aiosmtpd runs on uvloop and throws each message away; the receiver makes each
one safe before it answers. Only the ratio of one run means anything.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import uvloop
from aiosmtpd.smtp import SMTP

from bench.load import Load, send
from tests.support.gateway import GatewayProcess, make_site
from tests.support.postgres import postgres_database
from tests.support.rabbitmq import PrivateBroker

ROUNDS = 5
SESSIONS = 32
COUNTS = {"small": 3200, "large": 200}
MANY = Load("ten megabytes", 100, 100)
"""For memory: a hundred sessions, each with a message of 10 MB."""

BARE = "aiosmtpd"
SETTINGS = {
    "smtpgw.limits MaximalIncomingMessageSize": "204800",
    "smtpgw.limits IncomingSessions": "1024",
    "smtpgw.options LogFilename": "",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """What it has used so far."""
        times = self.process.cpu_times()
        return times.user + times.system

    def peak_megabytes(self) -> float:
        """The most memory that it has had at once."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@contextmanager
def bare_aiosmtpd() -> Iterator[Server]:
    """Aiosmtpd as it is, on uvloop, with a handler that throws mail away."""
    mine, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_serve_bare, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    assert process.pid is not None
    yield Server(mine.recv(), psutil.Process(process.pid))
    process.terminate()
    process.join()


@contextmanager
def embedded_receiver() -> Iterator[Server]:
    """The service alone, with bus and records in SQLite and bodies in a directory."""
    with _receiver() as server:
        yield server


@contextmanager
def pipeline_receiver() -> Iterator[Server]:
    """The service alone, with RabbitMQ and PostgreSQL."""
    with (
        PrivateBroker() as broker,
        postgres_database() as records_url,
        _receiver(bus_url=broker.url, records_url=records_url) as server,
    ):
        yield server


SERVERS: Mapping[str, Callable[[], AbstractContextManager[Server]]] = {
    BARE: bare_aiosmtpd,
    "embedded": embedded_receiver,
    "pipeline": pipeline_receiver,
}


def main() -> int:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(prog="bench.receiver", description=__doc__.partition("\n")[0])
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS))
    parser.add_argument("--kinds", nargs="+", choices=COUNTS, default=list(COUNTS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--memory", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()

    print(f"{'message':16}{'server':12}{'msg/s':>8}{'of bare':>9}{'CPU ms':>9}")
    with ExitStack() as stack:
        servers = {name: stack.enter_context(SERVERS[name]()) for name in options.servers}
        for kind in options.kinds:
            _compare(servers, Load(kind, COUNTS[kind], options.sessions), options.rounds)
        if options.memory:
            _fill(servers)
    return 0


def _compare(servers: Mapping[str, Server], load: Load, rounds: int) -> None:
    rates: dict[str, list[float]] = {name: [] for name in servers}
    costs: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, server in servers.items():
            before = server.cpu_seconds()
            sent = send(server.port, load)
            costs[name].append(1000 * (server.cpu_seconds() - before) / load.count)
            rates[name].append(load.count / (sent.ended - min(sent.begun.values())))
    bare = statistics.median(rates[BARE]) if BARE in rates else 0.0
    for name in servers:
        rate = statistics.median(rates[name])
        share = f"{rate / bare:9.2f}" if bare else f"{'-':>9}"
        print(f"{load.kind:16}{name:12}{rate:8.0f}{share}{statistics.median(costs[name]):9.2f}", flush=True)


def _fill(servers: Mapping[str, Server]) -> None:
    print(f"\n{MANY.sessions} sessions, 10 MB each: memory at most, in MB")
    for name, server in servers.items():
        before = server.peak_megabytes()
        send(server.port, MANY)
        print(f"{name:12}{before:8.0f} before{server.peak_megabytes():8.0f} after", flush=True)


@contextmanager
def _receiver(**stores: str) -> Iterator[Server]:
    with TemporaryDirectory(prefix="mailwarden-bench-") as folder:
        site = make_site(Path(folder), next_hop_port=1, settings=SETTINGS, **stores)
        service = GatewayProcess(site, ("services.receiver",))
        service.start()
        assert service.process is not None
        try:
            yield Server(site.smtp_port, psutil.Process(service.process.pid))
        finally:
            service.kill()


class _Discard:
    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        return "250 OK"


def _serve_bare(tell: Connection) -> None:
    uvloop.run(_bare(tell))


async def _bare(tell: Connection) -> None:
    import asyncio

    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(_Discard(), data_size_limit=None), "127.0.0.1", 0, backlog=512
    )
    tell.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
