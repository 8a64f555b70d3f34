"""PostgreSQL for tests: the server at the usual place if one answers, else one of our own.

`postgres_database()` gives a database of its own to whoever asks. `PrivatePostgres` is a server that a
test may kill and start again.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from uuid import uuid4

import asyncpg

from tests.support.ports import free_port

USUAL_PLACE = "postgresql://postgres@127.0.0.1:5432"
STARTS_WITHIN = 60.0


@contextmanager
def postgres_database() -> Iterator[str]:
    """The URL of a new database, which is dropped afterwards."""
    with postgres_server() as server:
        name = f"mailwarden_{uuid4().hex}"
        execute(f"{server}/postgres", f"CREATE DATABASE {name}")
        try:
            yield f"{server}/{name}"
        finally:
            execute(f"{server}/postgres", f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a server whose user `postgres` may do everything, without a database's name."""
    if _answers(USUAL_PLACE):
        yield USUAL_PLACE
        return
    with PrivatePostgres() as private:
        yield private.url


class PrivatePostgres:
    """A server on a free port of the loopback, with its data in a temporary folder."""

    def __init__(self) -> None:
        self.url = f"postgresql://postgres@127.0.0.1:{free_port()}"
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._data = self._folder / "data"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PrivatePostgres:
        programs = _programs()
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        subprocess.run(
            [
                *_as_postgres(),
                str(programs / "initdb"),
                "-D",
                str(self._data),
                "-U",
                "postgres",
                "-A",
                "trust",
                "-N",
            ],
            check=True,
            capture_output=True,
            cwd=self._folder,
        )
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start the server, recovering what a kill left; returns when it answers."""
        port = self.url.rpartition(":")[2]
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    *(*_as_postgres(), str(_programs() / "postgres"), "-D", str(self._data), "-p", port),
                    *(
                        "-c",
                        "listen_addresses=127.0.0.1",
                        "-c",
                        "unix_socket_directories=",
                        "-c",
                        "fsync=off",
                    ),
                ],
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        deadline = time.monotonic() + STARTS_WITHIN
        while not _answers(self.url):
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.05)

    def kill(self) -> None:
        """Stop the server at once: nobody is told, nothing is written."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None

    def restart(self) -> None:
        """Kill the server and start it again."""
        self.kill()
        self.start()


def execute(url: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""

    async def run() -> None:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    # In a thread of its own, so that it works beside an event loop too.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()


def _answers(server: str) -> bool:
    try:
        execute(f"{server}/postgres", "SELECT 1")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    return True


def _programs() -> Path:
    """The folder of the server's programs; installs the Debian package where it is missing."""
    if not (found := _installed_programs()):
        _install()
        found = _installed_programs()
    assert found, "PostgreSQL is not installed: install the package postgresql"
    return found


def _installed_programs() -> Path | None:
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if newest:
        return newest[-1].parent
    elsewhere = shutil.which("initdb")
    return Path(elsewhere).parent if elsewhere else None


def _install() -> None:
    # Debian would make and start a cluster of its own, which nobody asked for.
    settings = Path("/etc/postgresql-common/createcluster.conf")
    if not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text("create_main_cluster = false\n")
    keep_settings = ("-o", "Dpkg::Options::=--force-confold")
    for command in (("update",), ("install", "-y", "--no-install-recommends", *keep_settings, "postgresql")):
        subprocess.run(
            ["apt-get", "-q", *command], check=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        )


def _as_postgres() -> tuple[str, ...]:
    """The server refuses to run as root."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups")
