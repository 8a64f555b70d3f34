"""Real daemons of ClamAV for tests: private ones, with a small database and nothing from the network.

The program is taken out of Debian's package, which is not installed: its daemon and its downloads would be
of no use here. The library that it needs is installed where it is missing.
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
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType

import psutil

from gateway.domain.endpoint import HostPort, LocalSocket
from tests.support.ports import free_port

INSTALLED = Path("/usr/sbin/clamd")
SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "config" / "clamd.conf"
START_SECONDS = 60.0

WORM = b"THIS IS THE WORM OF THE TESTS"
WORM_NAME = "Test.Worm.UNOFFICIAL"


class PrivateClamd(AbstractContextManager["PrivateClamd"]):
    """A daemon with the shipped configuration on a socket of its own, or on a port of the loopback.

    It can be killed, frozen, and started again with other signatures.
    """

    def __init__(self, *, on_port: bool = False, **settings: str) -> None:
        """`settings` stand in the place of those of the shipped configuration."""
        self._home = Path(tempfile.mkdtemp(prefix="mailwarden-clamd-"))
        self._program = _provide_program()
        self._server: subprocess.Popen[bytes] | None = None
        self.address: HostPort | LocalSocket = (
            HostPort("127.0.0.1", free_port()) if on_port else LocalSocket(str(self._home / "socket"))
        )
        (self._home / "databases").mkdir()
        self.know({"Test.Worm": WORM})
        self._write_configuration(settings)

    def know(self, signatures: dict[str, bytes]) -> None:
        """Write a database with these; a daemon that runs takes it over when it is told to."""
        lines = [f"{name}:0:*:{content.hex()}\n" for name, content in signatures.items()]
        (self._home / "databases" / "tests.ndb").write_text("".join(lines))

    def __enter__(self) -> PrivateClamd:
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
        """Return when it answers. Raises `TimeoutError` with what it said."""
        with (self._home / "output").open("ab") as output:
            self._server = subprocess.Popen(
                [self._program, "--config-file", self._home / "clamd.conf"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                said = (self._home / "output").read_text(errors="replace")[-4000:]
                raise TimeoutError(f"clamd did not start:\n{said}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it without a goodbye, and return when it is gone."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def freeze(self) -> None:
        """Stop it, so that it takes connections and says nothing."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._server is not None
        self._server.send_signal(signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """Processor time that it has used so far."""
        assert self._server is not None
        used = psutil.Process(self._server.pid).cpu_times()
        return used.user + used.system

    def _answers(self) -> bool:
        with suppress(OSError), self._connected() as connection:
            connection.sendall(b"zPING\0")
            return connection.recv(16) == b"PONG\0"
        return False

    def _connected(self) -> socket.socket:
        if isinstance(self.address, HostPort):
            return socket.create_connection(self.address, timeout=5)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(5)
            connection.connect(self.address.path)
        except OSError:
            connection.close()
            raise
        return connection

    def _write_configuration(self, settings: dict[str, str]) -> None:
        """The shipped configuration with places of our own."""
        ours = {
            "Foreground": "yes",
            "DatabaseDirectory": str(self._home / "databases"),
            "TemporaryDirectory": str(self._home),
            "OfficialDatabaseOnly": "no",
            **settings,
        }
        if isinstance(self.address, HostPort):
            ours |= {"TCPAddr": self.address.host, "TCPSocket": str(self.address.port)}
        else:
            ours["LocalSocket"] = self.address.path
        elsewhere = {*ours, "User", "LogSyslog", "LocalSocket", "LocalSocketGroup", "LocalSocketMode"}
        shipped = SHIPPED.read_text().splitlines()
        shipped = [line for line in shipped if line.partition(" ")[0] not in elsewhere]
        lines = [f"{name} {value}" for name, value in ours.items()] + shipped
        (self._home / "clamd.conf").write_text("\n".join(lines) + "\n")

    def _clean_up(self) -> None:
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)


def _provide_program() -> Path:
    if INSTALLED.exists():
        return INSTALLED
    place = Path(tempfile.gettempdir(), "mailwarden-clamd")
    program = place / "usr" / "sbin" / "clamd"
    with Path(tempfile.gettempdir(), "mailwarden-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if program.exists():
            return program
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", "libclamav12"]):
            subprocess.run(["apt-get", "-q", *arguments], env=environment, check=True)
        with tempfile.TemporaryDirectory(prefix="mailwarden-clamd-") as folder:
            os.chmod(folder, 0o777)  # apt fetches as an account of its own
            subprocess.run(["apt-get", "-q", "download", "clamav-daemon"], cwd=folder, check=True)
            (package,) = Path(folder).glob("*.deb")
            subprocess.run(["dpkg", "-x", package, place], check=True)
    return program
