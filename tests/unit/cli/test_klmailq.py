from __future__ import annotations

import os
import pwd
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from cli.klmailq import Age, last_replies, main
from cli.listing import line_of
from cli.operators import Code, Trouble, act_for_owner_of, run
from gateway.domain.errors import TemporaryFailure
from gateway.records.port import JourneyStep
from tests.support.gateway import PROJECT, make_site

NOON = datetime(2004, 12, 28, 12, 22, 49, tzinfo=UTC)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give one of -s, -r, -a, -i, -d, -o"),
        (["-s", "-r"], "not several"),
        (["-i", "x", "--sender=*"], "-i names one message"),
        (["--show"], "No such option"),
        (["-i"], "requires an argument"),
        (["-s", "--older-than=old"], "'old' is no age: write 90s, 30m, 12h or 3d"),
        (["-s", "--status=all"], "'all' is not one of"),
    ],
)
def test_options_that_make_no_sense_are_told(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options) == Code.BAD_OPTIONS
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("90", timedelta(seconds=90)),
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("3d", timedelta(days=3)),
    ],
)
def test_an_age_is_a_number_with_a_unit(text: str, age: timedelta) -> None:
    assert Age().convert(text, None, None) == age


@pytest.mark.parametrize("option", ["-h", "--help", "-v", "--version"])
def test_help_and_version_need_no_gateway(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([option]) == Code.FINISHED
    assert "klmailq" in capsys.readouterr().out


def test_a_queue_that_is_not_there_is_told_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = make_site(tmp_path, next_hop_port=1)
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)

    code = main(["-s", "-c", str(site.config), "-q", str(tmp_path / "nowhere")])

    assert code == Code.UNREADABLE
    assert f"klmailq: {tmp_path}/nowhere: No such file or directory" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_a_configuration_that_is_wrong_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.conf").write_text("[nonsense]\n")

    assert main(["-s", "-c", str(tmp_path / "bad.conf")]) == Code.SYSTEM_ERROR
    assert "bad.conf:1: error: there is no section [nonsense]" in capsys.readouterr().err


def test_the_account_of_the_queue_may_do_what_root_may(tmp_path: Path) -> None:
    before = os.geteuid()

    act_for_owner_of(tmp_path)

    assert os.geteuid() == before


def test_others_are_told_kindly_who_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = os.geteuid() + 12345
    monkeypatch.setattr(os, "geteuid", lambda: stranger)

    with pytest.raises(Trouble, match=f"you are account number {stranger}: run this command as root") as told:
        act_for_owner_of(tmp_path)

    assert told.value.code is Code.NOT_PERFORMED


ACTS = """
import sys
from pathlib import Path
from cli.operators import act_for_owner_of
act_for_owner_of(Path(sys.argv[1]))
Path(sys.argv[1], "made").touch()
"""


def test_what_root_makes_belongs_to_the_account_of_the_queue() -> None:
    """Who runs this is root or not: both may, and leave the queue to its account."""
    account = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    with tempfile.TemporaryDirectory() as folder:  # in a place that every account can reach
        os.chown(folder, account, -1)

        done = subprocess.run([sys.executable, "-c", ACTS, folder], cwd=PROJECT, check=False)

        assert done.returncode == 0
        assert Path(folder, "made").stat().st_uid == account


def test_what_is_no_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Trouble, match="no directory that can be read") as told:
        act_for_owner_of(tmp_path / "file")

    assert told.value.code is Code.UNREADABLE


@pytest.mark.parametrize(
    ("error", "code"), [(None, 0), (OSError("no room"), 3), (TemporaryFailure("away"), 3), (click.Abort(), 4)]
)
def test_every_end_has_its_code(error: Exception | None, code: int) -> None:
    @click.command()
    def tool() -> None:
        if error:
            raise error

    assert run(tool, "tool", []) == code


def test_a_fault_of_ours_is_not_hidden() -> None:
    @click.command()
    def tool() -> None:
        raise KeyError("a fault")

    with pytest.raises(KeyError):
        run(tool, "tool", [])


def test_a_message_is_one_line_as_in_the_manual() -> None:
    line = line_of(
        *("iCMnF8AX05033", "QUE", 6375, NOON, "172.16.10.16"), "a@s.example", ["b@r.example", "c@r.example"]
    )

    assert line == (
        "iCMnF8AX05033 QUE 6375 Tue, 28 Dec 2004 12:22:49 +0000 172.16.10.16"
        " <a@s.example> -> <b@r.example>, <c@r.example>"
    )


def test_what_a_mail_holds_neither_ends_the_line_nor_speaks_to_the_terminal() -> None:
    line = line_of("id", "QUE", 1, NOON, "", "a\x1b[2J@s.example", ["b\r\nTotal: 0@r.example"])

    assert line.endswith("+0000 - <a?[2J@s.example> -> <b??Total: 0@r.example>")


def test_the_last_word_on_each_recipient_counts() -> None:
    first = JourneyStep(NOON, "Tried", {"replies": [reply("a", "later", 451), reply("b", "delivered", 250)]})
    other = JourneyStep(NOON, "Deferred", {"reason": "wait"})
    second = JourneyStep(NOON, "Tried", {"replies": [reply("a", "later", 0)]})

    assert last_replies([first, other, second]) == {
        "a": "later mx [ip] said",
        "b": "delivered mx [ip] 250 said",
    }


def reply(address: str, answer: str, code: int) -> dict[str, object]:
    said = {"code": code, "enhanced": "", "text": "said"}
    return {"address": address, "answer": answer, "server": "mx [ip]", **said}
