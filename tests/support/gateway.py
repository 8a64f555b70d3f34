"""A gateway of real processes: the shipped configuration, pointed at a folder and ports of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support.ports import free_port

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED_CONFIG = PROJECT / "deploy" / "config" / "smtpgw.conf"
EVALUATION_KEY = PROJECT / "deploy" / "licences" / "evaluation.key"

START_SECONDS = 60.0
STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Site:
    """Where a gateway works: its folder, its port, its configuration and the environment that changes it."""

    folder: Path
    smtp_port: int
    environment: Mapping[str, str]
    config: Path = SHIPPED_CONFIG

    @property
    def log(self) -> str:
        """What the gateway wrote into its log so far, and its processes to their standard streams."""
        parts = [self.folder / "smtpgw.log", self.folder / "output.txt"]
        return "".join(part.read_text(errors="replace") for part in parts if part.exists())


def make_site(
    folder: Path,
    *,
    next_hop_port: int,
    bus_url: str = "embedded:",
    namespace: str = "mailwarden",
    records_url: str = "",
    settings: Mapping[str, str] | None = None,
    groups: str = "",
) -> Site:
    """A site whose gateway takes mail for anybody from loopback and gives it to that port.

    `settings` are further parameters, `{"smtpgw.limits IncomingSessions": "5"}`; a repeated parameter
    has its values on lines of their own. `groups` are sections that the shipped file does not have, as
    they stand in a file.
    """
    smtp_port = free_port()
    folders = {
        "path BasesPath": "bases",
        "path LicensePath": "licenses",
        "smtpgw.path QueuePath": "queue",
        "smtpgw.path ControlPath": "control",
        "updater.path BackUpPath": "bases.backup",
        "smtpgw.policy AVQuarantinePath": "quarantine/av",
        "smtpgw.policy ASQuarantinePath": "quarantine/spam",
    }
    for name in folders.values():
        (folder / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(EVALUATION_KEY, folder / "licenses")
    parameters = {parameter: str(folder / name) for parameter, name in folders.items()} | {
        "smtpgw.path IncomingArchivePath": "",
        "smtpgw.path OutgoingArchivePath": "",
        # What a test posts comes out alone, unless it is about notices.
        "smtpgw.policy NotifyAdmin": "",
        "smtpgw.policy NotifyRecipient": "",
        "smtpgw.options LogFilename": str(folder / "smtpgw.log"),
        "updater.report ReportFileName": str(folder / "keepup2date.log"),
        "smtpgw.options StatFilename": str(folder / "statistics"),
        "smtpgw.options ICheckerDBFilename": str(folder / "ichecker"),
        "smtpgw.options PidFile": str(folder / "smtpgw.pid"),
        "smtpgw.network Hostname": "gateway.example",
        "smtpgw.network ListenOn": f"127.0.0.1:{smtp_port}",
        "smtpgw.network ProtectedDomains": "*",
        "smtpgw.access RelayRule": "allow from 127.0.0.0/8 to *",
        "smtpgw.forward ForwardRoute": f"* [127.0.0.1:{next_hop_port}]",
        "smtpgw.limits MaximalIncomingSessionsPerIP": "1000",
        "smtpgw.limits MaximalIncomingSessionSize": "2048000",
        "gateway.bus Url": bus_url,
        "gateway.bus Namespace": namespace,
        "gateway.blobs Url": f"file://{folder}/queue/bodies",
        "gateway.records Url": records_url or f"sqlite:///{folder}/queue/records.sqlite",
        "gateway.api Listen": f"127.0.0.1:{free_port()}",
        "gateway.api TokenFile": str(folder / "tokens"),
    }
    overrides = {_variable(name): value for name, value in (parameters | dict(settings or {})).items()}
    config = _with_groups(folder, groups) if groups else SHIPPED_CONFIG
    return Site(folder, smtp_port, {**os.environ, "PYTHONPATH": str(PROJECT), **overrides}, config)


def _with_groups(folder: Path, groups: str) -> Path:
    config = folder / "smtpgw.conf"
    config.write_text(f"{SHIPPED_CONFIG.read_text()}\n{groups}")
    return config


def _variable(parameter: str) -> str:
    section, _, name = parameter.partition(" ")
    return f"SMTPGW_{section}_{name}".replace(".", "_").replace(":", "_").upper()


@dataclass
class GatewayProcess:
    """A command that runs a gateway, or one service of it, with all processes below it."""

    site: Site
    argv: Sequence[str] = ("cli.smtpgw", "--no-daemon", "--no-pid-file", "--no-change-owner")
    before: Sequence[str] = ()  # a command that runs the rest of its line
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self, *, wait_for_smtp: bool = True) -> None:
        """Start it; return when it answers by SMTP."""
        with (self.site.folder / "output.txt").open("ab") as output:
            self.process = subprocess.Popen(
                [*self.before, sys.executable, "-m", *self.argv, "-c", str(self.site.config)],
                cwd=PROJECT,
                env=dict(self.site.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # what is typed at the terminal of the tests is not for it
            )
        if wait_for_smtp:
            self.wait_for_smtp()

    def wait_for_smtp(self) -> None:
        """Return when the gateway greets; fail with its log when it ends or stays silent."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}:\n{self.site.log}")
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.site.smtp_port), 1) as peer:
                peer.settimeout(5)
                if peer.recv(64).startswith(b"220"):
                    return
            time.sleep(0.05)
        raise AssertionError(f"does not answer by SMTP:\n{self.site.log}")

    def kill(self) -> None:
        """SIGKILL to every process of it, the watchdog first so that nothing is restarted."""
        if self.process is None:
            return
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            root.suspend()
            for process in (*root.children(recursive=True), root):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait()
        self.process = None

    def stop(self) -> int:
        """Stop it as an operator does; its exit code."""
        assert self.process is not None
        self.process.terminate()
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"does not stop:\n{self.site.log}") from None
        finally:
            self.kill()
        return code


@contextmanager
def running(site: Site, *argv: str) -> Iterator[GatewayProcess]:
    """A gateway that runs until the block is left."""
    gateway = GatewayProcess(site, *([argv] if argv else []))
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.kill()
