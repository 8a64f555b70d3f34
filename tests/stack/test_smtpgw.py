"""The command itself: its exit codes, its lines for the operator, its signals and its watchdog."""

from __future__ import annotations

import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from tests.support.gateway import (
    PROJECT,
    SHIPPED_CONFIG,
    START_SECONDS,
    GatewayProcess,
    Site,
    make_site,
    running,
)
from tests.support.ports import free_port
from tests.support.waiting import until

FOREGROUND = ("cli.smtpgw", "--no-daemon", "--no-change-owner")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path, next_hop_port=free_port())


@dataclass(frozen=True)
class Told:
    """What the command said, and what it exited with."""

    code: int
    out: str
    err: str


def smtpgw(site: Site, *options: str, **environment: str) -> Told:
    """The command, as whoever runs the tests."""
    return run(site, "-m", "cli.smtpgw", "-c", str(site.config), "-o", *options, **environment)


def run(site: Site, *arguments: str, **environment: str) -> Told:
    told = subprocess.run(
        (sys.executable, *arguments),
        cwd=PROJECT,
        env={**site.environment, **environment},
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    return Told(told.returncode, told.stdout, told.stderr)


def children(gateway: GatewayProcess) -> list[psutil.Process]:
    assert gateway.process is not None
    return psutil.Process(gateway.process.pid).children()


def greeting(site: Site) -> str:
    with smtplib.SMTP(timeout=30) as client:
        _, text = client.connect("127.0.0.1", site.smtp_port)
        return text.decode()


def with_own_config(site: Site, *changes: tuple[str, str]) -> Site:
    """A site with a configuration file of its own, whose host name is not in the environment."""
    text = SHIPPED_CONFIG.read_text()
    for shipped, changed in changes:
        assert shipped in text
        text = text.replace(shipped, changed)
    config = site.folder / "smtpgw.conf"
    config.write_text(text)
    kept = {name: value for name, value in site.environment.items() if not name.endswith("_HOSTNAME")}
    return replace(site, environment=kept, config=config)


def test_a_valid_configuration_is_told(site: Site) -> None:
    told = smtpgw(site, "-k")

    assert (told.code, told.out.splitlines()[-1], told.err) == (0, "Config OK !", "")


def test_all_that_is_wrong_with_a_configuration_is_told_with_file_and_line(site: Site) -> None:
    site = with_own_config(site, ("MaxSize=1024", "MaxSize=much"), ("CheckAV=true", "CheckAV=perhaps"))
    text = site.config.read_text().splitlines()
    wrong = [number for number, line in enumerate(text, 1) if line in ("MaxSize=much", "CheckAV=perhaps")]

    told = smtpgw(site, "--check-config")

    *findings, last = told.out.splitlines()
    assert (told.code, last) == (49, "Config is invalid see log for detail.")
    assert [finding.split(": ")[0] for finding in findings] == [f"{site.config}:{line}" for line in wrong]


def test_an_invalid_configuration_does_not_start(site: Site) -> None:
    told = smtpgw(site, "-d", SMTPGW_SMTPGW_NETWORK_HOSTNAME="no host name")

    assert told.code == 49
    assert "SMTPGW_SMTPGW_NETWORK_HOSTNAME" in told.err
    assert "Traceback" not in told.err


def test_a_wrong_option_is_1(site: Site) -> None:
    assert smtpgw(site, "--no-such-option").code == 1


def test_a_pid_file_that_cannot_be_made_is_42(site: Site, tmp_path: Path) -> None:
    told = smtpgw(site, "-d", "-p", str(tmp_path / "no" / "such" / "smtpgw.pid"))

    assert told.code == 42
    assert len(told.err.splitlines()) == 1


def test_an_account_that_is_not_there_is_44(site: Site) -> None:
    arguments = ("-m", "cli.smtpgw", "-d", "-u", "no-such-account", "-c", str(site.config))

    told = run(site, *arguments)

    assert told.code == 44
    assert "no-such-account" in told.err


def test_a_temporary_directory_that_cannot_be_written_is_48(site: Site, tmp_path: Path) -> None:
    told = smtpgw(site, "-d", TMPDIR=str(tmp_path / "missing"))

    assert told.code == 48
    assert str(tmp_path / "missing") in told.err


@pytest.mark.parametrize("foreground", [("-d",), ()])
def test_a_port_in_use_is_one_line_that_names_it(site: Site, foreground: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", site.smtp_port)):
        told = smtpgw(site, *foreground)

    assert told.code == 30
    [line] = told.err.splitlines()
    assert f"127.0.0.1:{site.smtp_port}" in line


def test_a_broker_that_does_not_answer_is_one_line_that_names_it(site: Site) -> None:
    port = free_port()

    told = smtpgw(site, "-d", SMTPGW_GATEWAY_BUS_URL=f"amqp://guest:guest@127.0.0.1:{port}/")

    assert told.code == 30
    assert all(str(port) in line for line in told.err.splitlines())
    assert "Traceback" not in told.err


def test_a_second_gateway_on_the_same_pid_file_is_41(site: Site) -> None:
    with running(site, *FOREGROUND) as first:
        told = smtpgw(site, "-d")
        still = greeting(site)

    assert told.code == 41
    assert first.process is None
    assert still.startswith("gateway.example")


def test_what_a_killed_gateway_left_does_not_stop_the_next(site: Site) -> None:
    gateway = GatewayProcess(site, FOREGROUND)
    gateway.start()
    gateway.kill()
    left = (site.folder / "smtpgw.pid").read_text()

    gateway.start()

    assert (site.folder / "smtpgw.pid").read_text() != left
    assert gateway.stop() == 0


@pytest.fixture
def daemon(site: Site) -> Iterator[psutil.Process]:
    """A gateway in the background, of whose processes none is left at the end."""
    started = smtpgw(site)
    assert started.code == 0, started.err
    process = psutil.Process(int((site.folder / "smtpgw.pid").read_text()))
    everybody = [process, *process.children(recursive=True)]
    yield process
    for one in everybody:
        if one.is_running():
            one.kill()


def test_the_command_returns_when_the_gateway_in_the_background_takes_mail(
    site: Site, daemon: psutil.Process
) -> None:
    assert greeting(site).startswith("gateway.example")
    assert daemon.cwd() == "/"
    assert daemon.terminal() is None


def test_term_ends_a_gateway_in_the_background_with_all_its_processes(
    site: Site, daemon: psutil.Process
) -> None:
    everybody = [daemon, *daemon.children(recursive=True)]

    daemon.terminate()

    _, alive = psutil.wait_procs(everybody, timeout=60)
    assert alive == []
    assert not (site.folder / "smtpgw.pid").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT, signal.SIGINT])
def test_the_signals_that_stop_it_end_it_well(site: Site, number: signal.Signals) -> None:
    with running(site) as gateway:
        assert gateway.process is not None

        gateway.process.send_signal(number)

        assert gateway.process.wait(60) == 0


async def test_a_process_that_dies_is_replaced_and_the_log_says_so(site: Site) -> None:
    with running(site) as gateway:
        [child] = children(gateway)

        child.kill()

        await until(lambda: "gateway was killed by SIGKILL: started again" in site.log)
        gateway.wait_for_smtp()
        assert [one.pid for one in children(gateway)] != [child.pid]


async def test_processes_do_not_outlive_a_watchdog_that_was_killed(site: Site) -> None:
    with running(site) as gateway:
        everybody = children(gateway)
        assert gateway.process is not None

        gateway.process.kill()

        _, alive = psutil.wait_procs(everybody, timeout=60)
        assert alive == []


async def test_hup_takes_the_new_configuration(site: Site) -> None:
    site = with_own_config(site)
    with running(site) as gateway:
        assert gateway.process is not None
        site.config.write_text(site.config.read_text().replace("gateway.company.example", "two.example"))

        gateway.process.send_signal(signal.SIGHUP)

        await until(lambda: "the configuration was read again" in site.log)
        await until(lambda: greets_as(site, "two.example"))


async def test_hup_with_an_invalid_configuration_changes_nothing(site: Site) -> None:
    site = with_own_config(site)
    with running(site) as gateway:
        assert gateway.process is not None
        before = children(gateway)
        site.config.write_text(site.config.read_text().replace("Hostname=", "Hostnam="))

        gateway.process.send_signal(signal.SIGHUP)

        await until(lambda: "the new configuration is not used: " in site.log)
        assert children(gateway) == before
        assert greets_as(site, "gateway.company.example")


async def test_hup_takes_the_new_configuration_without_a_watchdog_too(site: Site) -> None:
    site = with_own_config(site)
    with running(site, *FOREGROUND, "--no-watchdog") as gateway:
        assert gateway.process is not None
        text = site.config.read_text()
        site.config.write_text(text.replace("Hostname=", "Hostnam="))
        gateway.process.send_signal(signal.SIGHUP)
        await until(lambda: "the new configuration is not used: " in site.log)
        assert greets_as(site, "gateway.company.example")
        site.config.write_text(text.replace("gateway.company.example", "two.example"))

        gateway.process.send_signal(signal.SIGHUP)

        await until(lambda: greets_as(site, "two.example"))
        assert gateway.stop() == 0


def greets_as(site: Site, name: str) -> bool:
    try:
        return greeting(site).startswith(name)
    except (OSError, smtplib.SMTPException):
        return False


def test_without_the_watchdog_there_is_one_process(site: Site) -> None:
    with running(site, *FOREGROUND, "--no-watchdog") as gateway:
        names = [" ".join(child.cmdline()) for child in children(gateway)]

        assert not any("cli.everything" in name or "services." in name for name in names)
        assert gateway.stop() == 0
