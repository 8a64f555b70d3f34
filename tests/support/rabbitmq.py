"""Real RabbitMQ brokers for tests: the one that answers at the usual place, or private ones.

A private broker listens on loopback alone, on ports that were free, and has all its files in a temporary
folder: it is nobody's business but the test's, and can be killed. Each process of a parallel test run
that finds no broker at the usual place starts one of its own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType

import aio_pika

from gateway.bus.amqp.topology import ROOMS, Topology
from gateway.domain.pipeline import Stage
from tests.support.ports import free_ports

USUAL_PLACE = ("127.0.0.1", 5672)
SCRIPTS = Path("/usr/lib/rabbitmq/bin")
START_TIMEOUT = 60.0
"""Seconds: a broker takes about four alone, and far longer on a machine with much else to do."""

_GREETING = b"AMQP\x00\x00\x09\x01"


@contextmanager
def broker() -> Iterator[str]:
    """The URL of a broker that is up: only names of one's own may be used on it, and must be cleaned up."""
    if _answers(*USUAL_PLACE):
        yield "amqp://guest:guest@{}:{}/".format(*USUAL_PLACE)
        return
    with PrivateBroker() as private:
        yield private.url


async def forget(url: str, namespace: str) -> None:
    """Delete all that the gateway of that namespace has on the broker."""
    topology = Topology(namespace)
    rooms = [topology.room(stage, seconds) for stage in Stage for seconds in ROOMS]
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        for queue in [*topology.queues(), *rooms]:
            await channel.queue_delete(queue)
        await channel.exchange_delete(topology.commands)


class PrivateBroker(AbstractContextManager["PrivateBroker"]):
    """A broker that can be killed and started again on the same data."""

    def __init__(self) -> None:
        _provide_package()
        self._home = Path(tempfile.mkdtemp(prefix="mailwarden-rabbitmq-"))
        self._port, dist_port, epmd_port = free_ports(3)
        self._environment = _environment(self._home, self._port, dist_port, epmd_port)
        self._epmd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._epmd_command = ["epmd", "-address", "127.0.0.1", "-port", str(epmd_port)]

    @property
    def url(self) -> str:
        """Where it listens, or did."""
        return f"amqp://guest:guest@127.0.0.1:{self._port}/"

    def __enter__(self) -> PrivateBroker:
        try:
            self.start()
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._clean_up()

    def start(self) -> None:
        """Return when it answers. Raises `TimeoutError` with the end of its log."""
        if self._epmd is None:
            self._epmd = subprocess.Popen(self._epmd_command, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_TIMEOUT
        # A start right after a kill may find that the name is still known to the port mapper, and gives up.
        while not self._answers_when_started(deadline):
            if time.monotonic() > deadline:
                said = (self._home / "output").read_text(errors="replace")[-4000:]
                raise TimeoutError(f"the broker did not start:\n{said}")

    def _answers_when_started(self, deadline: float) -> bool:
        """Start it once; False when it ended by itself or was too slow."""
        with (self._home / "output").open("ab") as output:
            self._server = subprocess.Popen(
                [SCRIPTS / "rabbitmq-server"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        while self._server.poll() is None and time.monotonic() < deadline:
            if _answers("127.0.0.1", self._port):
                return True
            time.sleep(0.05)
        return False

    def kill(self) -> None:
        """End it without a goodbye (SIGKILL), and return when it is gone."""
        if self._server is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
            self._server = None

    def freeze(self) -> None:
        """Stop it, so that it holds its connections but answers nothing."""
        if self._server is not None:
            os.killpg(self._server.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self._server is not None:
            os.killpg(self._server.pid, signal.SIGCONT)

    def control(self, *arguments: str) -> None:
        """Run `rabbitmqctl` on it."""
        subprocess.run(
            [SCRIPTS / "rabbitmqctl", *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=START_TIMEOUT,
        )

    def _clean_up(self) -> None:
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
        shutil.rmtree(self._home, ignore_errors=True)


def _environment(home: Path, port: int, dist_port: int, epmd_port: int) -> dict[str, str]:
    plugins = home / "enabled_plugins"
    plugins.write_text("[].\n")
    settings = home / "rabbitmq.conf"
    settings.write_text("")
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(home),  # with the cookie
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_FLAGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(settings),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
        "RABBITMQ_NODENAME": f"mailwarden-{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(dist_port),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
    }


def _provide_package() -> None:
    with Path(tempfile.gettempdir(), "mailwarden-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (SCRIPTS / "rabbitmq-server").exists():
            return
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", "rabbitmq-server"]):
            subprocess.run(["apt-get", "-q", *arguments], env=environment, check=True)


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(_GREETING)
            return bool(connection.recv(1))
    except OSError:
        return False
