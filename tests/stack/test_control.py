"""The actions of the control script and the control files, with a gateway that runs."""

from __future__ import annotations

import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.support.gateway import PROJECT, START_SECONDS, Site, make_site
from tests.support.smtp_sink import Sink
from tests.support.waiting import until

MESSAGES = 3


@dataclass(frozen=True)
class Told:
    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        return (self.out or self.err).splitlines()[-1]


@dataclass(frozen=True)
class Operator:
    """Somebody at the machine of a gateway."""

    site: Site

    def does(self, action: str, *options: str) -> Told:
        told = subprocess.run(
            (sys.executable, "-m", "cli.smtpgw", "-c", str(self.site.config), "-o", *options, action),
            cwd=PROJECT,
            env=dict(self.site.environment),
            capture_output=True,
            text=True,
            timeout=START_SECONDS * 3,
            check=False,
        )
        return Told(told.returncode, told.stdout, told.stderr)

    def makes(self, name: str) -> Path:
        path = self.site.folder / "control" / name
        path.touch(mode=0o600)
        return path

    def sends(self, messages: int = 1) -> None:
        with smtplib.SMTP("127.0.0.1", self.site.smtp_port, timeout=30) as client:
            for number in range(messages):
                message = f"X-Number: {number}\r\n\r\nhello\r\n"
                client.sendmail("a@client.example", ["b@site.example"], message)

    @property
    def statistics(self) -> Mapping[str, str]:
        text = (self.site.folder / "statistics").read_text()
        return dict(line.split("=") for line in text.splitlines())

    @property
    def pid(self) -> int:
        return int((self.site.folder / "smtpgw.pid").read_text())

    def is_greeted(self) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.site.smtp_port, timeout=10):
                return True
        except (OSError, smtplib.SMTPException):
            return False


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.fixture
def operator(tmp_path: Path, sink: Sink) -> Iterator[Operator]:
    operator = Operator(make_site(tmp_path, next_hop_port=sink.port))
    yield operator
    operator.does("stop")


@pytest.fixture
def running(operator: Operator) -> Operator:
    assert operator.does("start").code == 0
    return operator


def test_without_a_gateway_there_is_nothing_to_control(operator: Operator) -> None:
    assert (operator.does("status").code, operator.does("status").out.splitlines()[0]) == (
        3,
        "The gateway is not running.",
    )
    assert (operator.does("stop").code, operator.does("stop").last) == (0, "The gateway is not running.")
    for action in ("reload", "stats"):
        told = operator.does(action)
        assert (told.code, told.err) == (3, "smtpgw: the gateway is not running\n")


def test_an_action_that_there_is_not_is_a_wrong_option(operator: Operator) -> None:
    assert operator.does("explode").code == 1


def lives(pid: int) -> bool:
    """Whether the process has not ended, seen by anybody or not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_it_is_started_restarted_and_stopped(running: Operator) -> None:
    first = running.pid
    assert f"The gateway is running as process {first}." in running.does("status").out

    assert running.does("restart").code == 0

    assert running.pid != first
    await until(lambda: not lives(first))
    assert running.is_greeted()

    assert (running.does("stop").code, running.is_greeted()) == (0, False)


async def test_what_cannot_start_again_is_not_stopped(running: Operator) -> None:
    environment = {**running.site.environment, "SMTPGW_SMTPGW_NETWORK_HOSTNAME": "no host name"}
    broken = Operator(Site(running.site.folder, running.site.smtp_port, environment))

    told = broken.does("restart")

    assert told.code == 49
    assert running.is_greeted()


async def test_the_statistics_are_those_since_the_start(running: Operator, sink: Sink) -> None:
    running.sends(MESSAGES)
    await until(lambda: len(sink.arrivals()) == MESSAGES)
    running.does("restart")
    began = time.time()
    running.sends(MESSAGES)

    async def as_counted(sent: int) -> Mapping[str, str]:
        """They are written behind, and so within a second or two."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            told = running.does("stats")
            assert (told.code, told.last) == (
                0,
                f"Statistics were written to {running.site.folder / 'statistics'}",
            )
            if running.statistics["mta_sent_messages"] == str(sent):
                break
        return running.statistics

    found = await as_counted(MESSAGES)
    numbers = (
        "mta_received_messages",
        "mta_received_recipients",
        "mta_sent_messages",
        "antispam_checked_messages",
    )
    assert {found[name] for name in numbers} == {str(MESSAGES)}
    assert found["mta_incoming_connections_total"] == "1"
    assert found["mta_stored_messages_current"] == "0"
    assert began - 120 <= int(found["time_initialized"]) <= time.time()
    assert int(found["time_processing"]) <= 240
    assert (running.site.folder / "statistics").read_text().startswith("time_initialized=")


async def test_the_modules_are_suspended_and_resumed(running: Operator) -> None:
    told = running.does("recv-off")
    assert (told.code, told.last) == (0, "Receiver is suspended.")
    await until(lambda: not running.is_greeted())
    assert "Receiver: suspended" in running.does("status").out

    assert running.does("recv-on").last == "Receiver goes on."
    await until(running.is_greeted)


async def test_control_files_suspend_and_resume_and_are_deleted(running: Operator, sink: Sink) -> None:
    off = running.makes(".c_send_off")
    await until(lambda: not off.exists())
    running.sends()
    assert "Sender: suspended" in running.does("status").out

    on = running.makes(".c_send_on")
    await until(lambda: not on.exists())
    await until(lambda: len(sink.arrivals()) == 1)

    order = running.makes(".c_stats")
    await until(lambda: not order.exists())
    assert running.statistics["mta_received_messages"] == "1"


async def test_databases_and_all_processes_are_reloaded_without_an_error(running: Operator) -> None:
    first = running.pid
    assert running.does("reloadbases").code == 0
    assert running.does("reload").code == 0
    await until(lambda: "the configuration was read again" in running.site.log)
    await until(running.is_greeted)

    assert running.pid == first
    errors = [line for line in running.site.log.splitlines() if " E]" in line and "token file" not in line]
    assert errors == []
