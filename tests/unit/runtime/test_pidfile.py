from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.runtime.exitcodes import ExitCode, StartFailure
from gateway.runtime.pidfile import PidFile


def test_the_file_has_the_number_of_the_process(tmp_path: Path) -> None:
    path = tmp_path / "smtpgw.pid"
    claimed = PidFile.claim(path)

    claimed.write()

    assert path.read_text() == f"{os.getpid()}\n"
    claimed.remove()


def test_while_a_gateway_holds_it_nobody_else_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "smtpgw.pid"
    holder = PidFile.claim(path)
    holder.write()

    with pytest.raises(StartFailure, match=f"process {os.getpid()} with the PID file") as failure:
        PidFile.claim(path)

    assert failure.value.code is ExitCode.PID_FILE_EXISTS
    holder.remove()


def test_what_a_dead_gateway_left_is_taken_over_even_if_its_number_lives(tmp_path: Path) -> None:
    path = tmp_path / "smtpgw.pid"
    path.write_text("1\n")

    claimed = PidFile.claim(path)

    claimed.write()
    assert path.read_text() == f"{os.getpid()}\n"
    claimed.remove()


def test_after_the_end_the_file_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "smtpgw.pid"

    PidFile.claim(path).remove()

    assert not path.exists()


def test_a_missing_directory_is_made(tmp_path: Path) -> None:
    path = tmp_path / "run" / "smtpgw.pid"

    PidFile.claim(path).remove()

    assert path.parent.is_dir()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file" / "smtpgw.pid"
    blocked.parent.touch()

    with pytest.raises(StartFailure, match=f"{blocked} cannot be written") as failure:
        PidFile.claim(blocked)

    assert failure.value.code is ExitCode.PID_FILE_NOT_CREATED
