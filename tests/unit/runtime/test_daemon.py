"""A daemon leaves the process that made it, so each rule is tried in a program of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

TELLS = """
from gateway.runtime.daemon import detach, leave_streams
launcher = detach()
print("starting", flush=True)
leave_streams()
print("nobody reads this")
launcher.tell({code})
"""
DIES = """
import os
from gateway.runtime.daemon import detach
detach()
os._exit(0)
"""
LIVES = """
import os, sys, signal
from gateway.runtime.daemon import detach, leave_streams
launcher = detach()
print(os.getpid(), os.getsid(0) != os.getpid(), os.getcwd(), flush=True)
leave_streams()
launcher.tell(0)
os.read(os.open(sys.argv[1], os.O_RDONLY), 1)
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-c", program, *arguments),
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("code", [0, 49])
def test_the_launcher_exits_with_what_the_daemon_tells_it(code: int) -> None:
    launched = run(TELLS.format(code=code))

    assert launched.returncode == code


def test_what_is_said_before_the_streams_are_left_is_seen_and_nothing_after() -> None:
    launched = run(TELLS.format(code=0))

    assert (launched.stdout, launched.stderr) == ("starting\n", "")


def test_a_daemon_that_dies_without_a_word_is_a_system_error() -> None:
    assert run(DIES).returncode == 30


def test_the_daemon_lives_on_without_a_terminal_of_its_own_in_the_root_directory(tmp_path: Path) -> None:
    until = tmp_path / "until"
    subprocess.run(("mkfifo", str(until)), check=True)

    launched = run(LIVES, str(until))

    number, not_leader, directory = launched.stdout.split()
    until.write_text("x")  # lets it end, which it could not if it were dead
    assert int(number) > 1
    assert (not_leader, directory) == ("True", "/")
