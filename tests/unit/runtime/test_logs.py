from __future__ import annotations

import json
import logging
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import ConfigError
from gateway.runtime import logs
from gateway.runtime.jsonlines import JsonLines
from gateway.runtime.logs import ACTIVITY, start_logging

log = logging.getLogger("gateway.example")


@pytest.fixture(autouse=True)
def _log_ends_with_the_test() -> Iterator[None]:
    yield
    start_logging("", 4, date_format="", time_format="")


def begin(
    filename: Path | str,
    level: int = 4,
    clock: Callable[[], float] = time.monotonic,
    *,
    date_format: str = "%d/%m/%y",
    time_format: str = "%H:%M:%S",
    as_json: bool = False,
) -> None:
    start_logging(
        *(str(filename), level),
        date_format=date_format,
        time_format=time_format,
        as_json=as_json,
        clock=clock,
    )


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


@pytest.mark.parametrize(
    ("date_format", "time_format", "shape"),
    [
        ("%y/%m/%d", "%H:%M:%S", r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d"),
        ("%m/%d/%y", "%I:%M:%S %P", r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d [ap]m"),
    ],
)
def test_date_and_time_are_written_as_the_locale_has_them(
    tmp_path: Path, date_format: str, time_format: str, shape: str
) -> None:
    begin(tmp_path / "log", date_format=date_format, time_format=time_format)
    log.info("said")

    assert re.fullmatch(rf"\[{shape} I\]: said\n", (tmp_path / "log").read_text())


def test_as_json_each_line_is_an_object(tmp_path: Path) -> None:
    begin(tmp_path / "log", as_json=True)
    log.warning("disk is %s", "short")
    logging.getLogger("gateway.mail").log(
        ACTIVITY, "BLOCKED, rcpt=a@own.example, size=1", extra={"mail_id": "jHrWPC7s86253"}
    )

    first, second = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
    assert first == {
        "level": "warning",
        "letter": "W",
        "process": os.getpid(),
        "part": "gateway.example",
        "message": "disk is short",
    }
    assert (second["mail_id"], second["event"], second["letter"]) == ("jHrWPC7s86253", "BLOCKED", "A")
    assert second["message"] == "BLOCKED, rcpt=a@own.example, size=1"


def test_as_json_a_traceback_stays_in_its_object(tmp_path: Path) -> None:
    begin(tmp_path / "log", as_json=True)
    try:
        raise ValueError("bad\n{}\u2028\x1b[2J")
    except ValueError:
        log.exception("fault")

    (line,) = (tmp_path / "log").read_text().splitlines()
    assert line.isprintable()
    assert "ValueError: bad" in json.loads(line)["trace"]


HOSTILE = st.text() | st.text("\r\n\x00\x1b\x85\u2028\u2029\ud800]: [FEW,<>\"'")


@given(HOSTILE)
def test_whatever_a_value_is_a_record_stays_on_one_line(value: str) -> None:
    record = logging.LogRecord("gateway.example", logging.INFO, "", 1, "from=<%s>", (value,), None)

    text = logs.Lines("%H:%M:%S ").format(record)
    as_json = JsonLines(logs.letter).format(record)

    for line in (text, as_json):
        assert line.isprintable()
        assert line.encode()
    assert re.match(r"\[\d\d:\d\d:\d\d I\]: from=<", text)
    assert json.loads(as_json)["message"] == f"from=<{value}>"


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
