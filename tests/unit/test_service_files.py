"""What holds the gateway on one machine: the unit for systemd, the script for init, the log's rotation."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from cli.controlling import ACTIONS
from gateway.config.load import load_settings
from gateway.config.settings import Settings
from gateway.runtime.exitcodes import ExitCode
from gateway.runtime.supervision import Limits

DEPLOY = Path(__file__).parents[2] / "deploy"
SCRIPT = DEPLOY / "init.d" / "mailwarden"


def unit() -> dict[str, list[str]]:
    """The parameters of the unit; a repeated one has several values, as systemd adds them up."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / "mailwarden.service").read_text().splitlines():
        name, is_one, value = line.partition("=")
        if is_one and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def shipped() -> Settings:
    return load_settings(DEPLOY / "config" / "smtpgw.conf", {})


def test_the_unit_lets_the_gateway_write_wherever_the_shipped_configuration_does() -> None:
    parameters, settings = unit(), shipped()
    made = [f"/var/lib/{name}" for names in parameters["StateDirectory"] for name in names.split()]
    writable = [*made, *parameters["ReadWritePaths"]]
    writable += [f"/var/log/{parameters['LogsDirectory'][0]}", f"/run/{parameters['RuntimeDirectory'][0]}"]
    folders = {
        settings.path.bases_path,
        settings.path.license_path,
        settings.smtpgw_path.queue_path,
        settings.smtpgw_path.control_path,
        settings.stat_file.parent,
        settings.ichecker_file.parent,
        Path(settings.options.log_filename).parent,
        settings.options.pid_file.parent,
    }

    assert {str(folder) for folder in folders} <= set(writable)


def test_systemd_waits_longer_for_the_end_than_the_gateway_itself() -> None:
    assert int(unit()["TimeoutStopSec"][0]) > Limits().drain
    assert int(unit()["TimeoutStartSec"][0]) >= Limits().start
    assert int(unit()["WatchdogSec"][0]) >= 10


def test_what_does_not_go_away_by_itself_is_not_tried_again() -> None:
    codes = {int(code) for code in unit()["RestartPreventExitStatus"][0].split()}

    assert codes == {
        ExitCode.BAD_OPTIONS,
        ExitCode.PID_FILE_EXISTS,
        ExitCode.BAD_CONFIG,
        ExitCode.NO_LICENCE,
    }


def test_the_log_that_is_rotated_is_the_one_that_is_written() -> None:
    text = (DEPLOY / "logrotate" / "mailwarden").read_text()
    pattern = next(line.removesuffix(" {") for line in text.splitlines() if line.startswith("/"))

    assert PurePosixPath(shipped().options.log_filename).match(pattern)


@pytest.fixture
def defaults(tmp_path: Path) -> Path:
    """Settings of the script that name a command which prints its arguments and exits with CODE."""
    command = tmp_path / "smtpgw"
    command.write_text('#!/bin/sh\necho "$@"\nexit "${CODE:-0}"\n')
    command.chmod(0o755)
    settings = tmp_path / "default"
    settings.write_text(f'SMTPGW={command}\nCONFIG=/etc/other.conf\nOPTIONS="-o -w 30"\n')
    return settings


def run(defaults: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MAILWARDEN_DEFAULTS": str(defaults), "CODE": str(code)}
    return subprocess.run(
        [SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("action", ACTIONS)
def test_the_script_hands_each_action_to_the_command(defaults: Path, action: str) -> None:
    done = run(defaults, action)

    assert (done.returncode, done.stdout) == (0, f"-c /etc/other.conf -o -w 30 {action}\n")


@pytest.mark.parametrize(
    ("action", "code", "told"),
    [("start", 41, 0), ("start", 50, 50), ("status", 3, 3), ("reload", 3, 7), ("stop", 30, 30)],
)
def test_the_script_answers_as_init_expects(defaults: Path, action: str, code: int, told: int) -> None:
    assert run(defaults, action, code=code).returncode == told


@pytest.mark.parametrize("arguments", [(), ("explode",), ("start", "stop")])
def test_what_is_no_action_is_told_with_those_that_are(defaults: Path, arguments: tuple[str, ...]) -> None:
    done = run(defaults, *arguments)

    assert done.returncode == 2
    assert all(action in done.stderr for action in ACTIONS)


def test_without_the_command_there_is_nothing_to_stop_and_nothing_to_start(tmp_path: Path) -> None:
    absent = tmp_path / "default"
    absent.write_text("SMTPGW=/nowhere/smtpgw\n")

    assert run(absent, "stop").returncode == 0
    assert run(absent, "start").returncode == 5
