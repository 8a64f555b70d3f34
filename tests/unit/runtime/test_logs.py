from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from gateway.domain.errors import ConfigError
from gateway.runtime import logs
from gateway.runtime.logs import ACTIVITY, start_logging

log = logging.getLogger("gateway.example")


@pytest.fixture(autouse=True)
def _log_ends_with_the_test() -> Iterator[None]:
    root = logging.getLogger()
    ours = [root, *(logging.getLogger(name) for name in logs._OURS)]
    levels = [logger.level for logger in ours]
    yield
    start_logging("", 4, date_format="", time_format="")
    for logger, level in zip(ours, levels, strict=True):
        logger.setLevel(level)


def begin(filename: Path | str, level: int = 4, clock: Callable[[], float] = time.monotonic) -> None:
    start_logging(str(filename), level, date_format="%d/%m/%y", time_format="%H:%M:%S", clock=clock)


def one_of_each_level() -> None:
    for level in (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO, ACTIVITY, logging.DEBUG):
        log.log(level, "said")


@pytest.mark.parametrize(
    ("level", "letters"), [(0, "F"), (1, "FE"), (2, "FEW"), (3, "FEWI"), (4, "FEWIA"), (9, "FEWIAD")]
)
def test_a_level_lets_through_itself_and_all_that_is_graver(tmp_path: Path, level: int, letters: str) -> None:
    begin(tmp_path / "log", level)
    one_of_each_level()

    lines = (tmp_path / "log").read_text().splitlines()
    assert "".join(line.partition("]")[0][-1] for line in lines) == letters


def test_a_line_shows_date_time_and_letter(tmp_path: Path) -> None:
    begin(tmp_path / "log")
    log.warning("disk is %s", "short")

    line = (tmp_path / "log").read_text()
    assert re.fullmatch(r"\[\d\d/\d\d/\d\d \d\d:\d\d:\d\d W\]: disk is short\n", line)


def test_a_line_about_a_mail_shows_its_id_before_the_colon(tmp_path: Path) -> None:
    begin(tmp_path / "log")
    log.info("seen", extra={"mail_id": "jHrWPC7s86253"})

    assert (tmp_path / "log").read_text().endswith(" I] jHrWPC7s86253: seen\n")


def test_no_value_can_begin_a_line_of_its_own(tmp_path: Path) -> None:
    begin(tmp_path / "log")
    try:
        raise ValueError("bad\n[01/01/01 00:00:00 F]: forged\x1b[2J")
    except ValueError:
        log.exception("fault in %s", "a\r\nb\u2028c")

    first, *trace = (tmp_path / "log").read_text().splitlines()
    assert first.endswith("]: fault in a??b?c")
    assert trace
    assert all(line.startswith("    ") and "\x1b" not in line for line in trace)


def test_text_that_is_no_unicode_is_logged_escaped(tmp_path: Path) -> None:
    begin(tmp_path / "log")
    [place] = (handler for handler in logging.getLogger().handlers if isinstance(handler, logs._PLACES))
    # Handed to our own handler alone: the reports of parallel tests cannot carry such text.
    place.handle(logging.makeLogRecord({"levelno": logging.INFO, "msg": "Grüße \udce9"}))

    assert (tmp_path / "log").read_text(encoding="utf-8").endswith("Grüße ?\n")


def test_a_rotated_file_is_opened_anew_within_a_second(tmp_path: Path) -> None:
    seconds = iter([0, 0.5, 0.9, 1.0])
    begin(tmp_path / "log", clock=seconds.__next__)
    log.info("before")
    (tmp_path / "log").rename(tmp_path / "log.1")
    log.info("at once")
    log.info("after")

    assert re.findall("before|at once|after", (tmp_path / "log.1").read_text()) == ["before", "at once"]
    assert re.findall("before|at once|after", (tmp_path / "log").read_text()) == ["after"]


def test_a_log_that_cannot_be_opened_anew_stops_nobody_and_complains_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    begin(folder / "log", clock=count().__next__)
    folder.rename(tmp_path / "moved")
    log.info("lost")
    log.info("lost too")
    complaints = capsys.readouterr().err.splitlines()
    folder.mkdir()
    log.info("back")

    assert len(complaints) == 1
    assert str(folder / "log") in complaints[0]
    assert "back" in (folder / "log").read_text()


def test_a_place_that_cannot_be_written_names_itself_and_the_remedy(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "log"

    with pytest.raises(ConfigError, match=rf"{re.escape(str(missing))}.*LogFilename"):
        begin(missing)


def test_standard_output_can_be_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    begin("/dev/stdout")
    log.info("hello")

    assert capsys.readouterr().out.endswith("I]: hello\n")


def test_no_file_name_is_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    begin("")
    log.critical("unheard")

    assert not log.isEnabledFor(logging.CRITICAL)
    assert capsys.readouterr() == ("", "")


def test_libraries_are_heard_from_a_warning_on(tmp_path: Path) -> None:
    begin(tmp_path / "log", 9)
    library = logging.getLogger("some.library")
    library.info("chatter")
    library.warning("trouble")

    assert [line.partition(": ")[2] for line in (tmp_path / "log").read_text().splitlines()] == ["trouble"]


def test_starting_again_ends_the_former_log(tmp_path: Path) -> None:
    begin(tmp_path / "first")
    begin(tmp_path / "second")
    log.info("hello")

    assert (tmp_path / "first").read_text() == ""
    assert "hello" in (tmp_path / "second").read_text()


@pytest.fixture
def system_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setattr(logs, "_SYSLOG_SOCKET", str(tmp_path / "devlog"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "devlog"))
        listening.settimeout(5)
        yield listening


def test_the_system_log_gets_facility_severity_and_the_line(system_log: socket.socket) -> None:
    begin("syslog")
    log.log(ACTIVITY, "SCANNED", extra={"mail_id": "jHrWPC7s86253"})

    assert re.fullmatch(rb"<22>smtpgw\[\d+\]: \[A\] jHrWPC7s86253: SCANNED", system_log.recv(1024))


def test_a_system_log_that_takes_nothing_delays_nobody(system_log: socket.socket) -> None:
    begin("syslog")
    for _ in range(5000):
        log.info("nobody reads this")

    assert b"nobody reads this" in system_log.recv(1024)


def test_no_system_log_is_an_error_that_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_SYSLOG_SOCKET", str(tmp_path / "absent"))

    with pytest.raises(ConfigError, match="LogFilename"):
        begin("syslog")
