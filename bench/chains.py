"""What stands between generator and sink: a gateway in one of its shapes, or a peer to compare with."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support.gateway import make_site, running
from tests.support.postfix import private_postfix
from tests.support.postgres import postgres_database
from tests.support.rabbitmq import PrivateBroker

BROKER = "beam.smp"
"""The process of a RabbitMQ broker; each run has one of its own."""

DATABASE = "postgres"
"""The processes of PostgreSQL, which may be the machine's: nobody else may use it meanwhile."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Servers that run now: where they take mail, and what they have used so far."""

    port: int
    cpu_seconds: Callable[[], Mapping[str, float]]  # by part
    memory_bytes: Callable[[], int]  # of all but the database, which shares its buffers with others


@contextmanager
def embedded(sink_port: int) -> Iterator[Chain]:
    """One machine: everything in `smtpgw`, no other server."""
    with _folder() as folder, running(make_site(folder, next_hop_port=sink_port)) as gateway:
        assert gateway.process is not None
        yield _chain(gateway.site.smtp_port, gateway.process.pid)


@contextmanager
def pipeline(sink_port: int) -> Iterator[Chain]:
    """`smtpgw` with a process for each service, over RabbitMQ, with records in PostgreSQL."""
    with ExitStack() as stack:
        folder = stack.enter_context(_folder())
        site = make_site(
            folder,
            next_hop_port=sink_port,
            bus_url=stack.enter_context(PrivateBroker()).url,
            records_url=stack.enter_context(postgres_database()),
        )
        gateway = stack.enter_context(running(site))
        assert gateway.process is not None
        yield _chain(site.smtp_port, gateway.process.pid, servers=True)


@contextmanager
def postfix(sink_port: int) -> Iterator[Chain]:
    """Plain Postfix from Debian, without any filter, that relays all mail from loopback to the sink."""
    parameters = {"relayhost": f"[127.0.0.1]:{sink_port}", "message_size_limit": "104857600"}
    with private_postfix(parameters) as server:
        yield _chain(server.port, server.pid)


CHAINS: Mapping[str, Callable[[int], AbstractContextManager[Chain]]] = {
    "embedded": embedded,
    "pipeline": pipeline,
    "postfix": postfix,
}


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mailwarden-bench-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _chain(port: int, root_pid: int, *, servers: bool = False) -> Chain:
    def processes() -> Iterator[psutil.Process]:
        root = psutil.Process(root_pid)
        yield root
        yield from root.children(recursive=True)
        if servers:
            yield from (
                child for child in psutil.Process().children(recursive=True) if child.name() == BROKER
            )
            yield from (process for process in psutil.process_iter() if process.name() == DATABASE)

    def cpu_seconds() -> Mapping[str, float]:
        used: dict[str, float] = {}
        for process in processes():
            try:
                times, part = process.cpu_times(), _part(process)
            except psutil.NoSuchProcess:
                continue
            # Ended children are counted too: Postfix ends its workers, the pool renews its own.
            spent = times.user + times.system + times.children_user + times.children_system
            used[part] = used.get(part, 0.0) + spent
        return used

    def memory_bytes() -> int:
        return sum(process.memory_full_info().pss for process in processes() if process.name() != DATABASE)

    return Chain(port, cpu_seconds, memory_bytes)


def _part(process: psutil.Process) -> str:
    """The part of the gateway that a process is, or the name of the server."""
    words = process.cmdline()
    service = next((word for word in words if word.startswith(("services.", "cli."))), "")
    return service or process.name()
