"""`klmaila`: its options, the lines that follow its banner, and its return codes."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from cli.klmaila import main
from gateway.blobs.carrying import CarryingBlobs
from gateway.blobs.memory import MemoryBlobs
from gateway.domain.mail import BodyRef
from gateway.domain.storage import Storage, StorageKind, StoredStatus
from gateway.records.sqlite import open_sqlite
from gateway.storages.directory import DirectoryPlace
from gateway.storages.storages import Storages
from tests.support.gateway import PROJECT, Site, make_site
from tests.support.mails import NOON, a_mail

HEADING = "--QueueID--Status-Size-------ArrivalTime---------------Sender.../Recipient..."
ONE = (
    "iCMnF8AX05033 RCV 1275 Mon, 02 Mar 2026 12:00:00 +0000 192.0.2.1 <sender@client.example>"
    " -> <user@site.example>"
)
TWO = (
    "iCMmF84m00443 RCV 50 Mon, 02 Mar 2026 12:00:01 +0000 192.0.2.1 <sender@client.example>"
    " -> <a@site.example>, <b@site.example>"
)


@dataclass(frozen=True)
class Told:
    """What the command said, and what it exited with."""

    code: int
    lines: list[str]
    errors: str


@dataclass(frozen=True)
class Archive:
    """A gateway that does not run, with two messages in its incoming archive."""

    site: Site
    path: Path
    captured: pytest.CaptureFixture[str]

    def klmaila(self, *options: str, path: Path | None = None) -> Told:
        """Run the command on the archive."""
        return self.run(*options, f"--archivepath={path or self.path}")

    def run(self, *options: str) -> Told:
        code = main(["-c", str(self.site.config), *options])
        out, errors = self.captured.readouterr()
        return told(code, out, errors)

    @property
    def files(self) -> list[str]:
        return sorted(file.name for file in self.path.rglob("*.eml"))

    def change(self, statement: str) -> None:
        """Something that the gateway did meanwhile."""
        with closing(sqlite3.connect(self.site.folder / "queue" / "records.sqlite")) as records, records:
            assert records.execute(statement).rowcount == 1

    def orders(self) -> list[tuple[str, bool]]:
        """What is ordered to be sent, and whether it is checked."""
        with closing(sqlite3.connect(self.site.folder / "queue" / "records.sqlite")) as records:
            query = "SELECT id, checked FROM storage_entries WHERE ordered_at IS NOT NULL ORDER BY id"
            return [(entry_id, bool(checked)) for entry_id, checked in records.execute(query)]


def told(code: int, out: str, errors: str) -> Told:
    banner, *lines = out.splitlines() or [""]
    assert code == 1 or re.fullmatch(r"Mailwarden Mail Archives Manager for Linux version \S+", banner)
    return Told(code, lines, errors)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Archive:
    path = tmp_path / "arch_in"
    settings = {
        "smtpgw.path IncomingArchivePath": str(path),
        "smtpgw.options User": "",
        "smtpgw.options Group": "",
    }
    asyncio.run(fill(tmp_path / "queue" / "records.sqlite", str(path)))
    site = make_site(tmp_path, next_hop_port=1, settings=settings)
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)
    return Archive(site, path, capsys)


async def fill(records_file: Path, path: str) -> None:
    records = await open_sqlite(records_file)
    place = DirectoryPlace()
    storages = Storages(place, CarryingBlobs(MemoryBlobs()), records)
    storage = Storage(StorageKind.INCOMING, path)
    for number, (mail_id, size, to) in enumerate(
        [("iCMnF8AX05033", 1275, ()), ("iCMmF84m00443", 50, ("a@site.example", "b@site.example"))]
    ):
        at = NOON + timedelta(seconds=number)
        body = BodyRef(f"{'0' * 64}-{mail_id}", size, carried=b"x" * size)
        mail = a_mail(mail_id, *to, body=body)
        mail = replace(mail, envelope=replace(mail.envelope, received_at=at))
        await storages.keep(storage, mail, StoredStatus.RECEIVED, at=at)
    await place.close()
    await records.close()


def test_a_listing_is_that_of_the_manual(archive: Archive) -> None:
    told = archive.klmaila("--show-all")

    assert told == Told(0, [HEADING, ONE, TWO, "Total: 2 archived messages, 1325 bytes."], "")
    assert archive.run("-s", f"--archive-path={archive.path}/") == told


def test_the_command_is_a_program_of_its_own(archive: Archive) -> None:
    done = subprocess.run(
        (
            *(sys.executable, "-m", "cli.klmaila", "-c", str(archive.site.config)),
            *("--send-id=nobody", f"--archivepath={archive.path}"),
        ),
        cwd=PROJECT,
        env=dict(archive.site.environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert told(done.returncode, done.stdout, done.stderr).code == 4
    assert done.stderr == f"klmaila: Message with QueueID nobody is not in {archive.path}.\n"


def test_one_message_is_shown_with_all_that_is_known_of_it(archive: Archive) -> None:
    told = archive.klmaila("--show-id=iCMnF8AX05033")

    assert told.code == 0
    assert told.lines == [
        HEADING,
        ONE,
        "Message-ID: <1@client.example>",
        "Stored: Mon, 02 Mar 2026 12:00:00 +0000",
        f"File: {archive.path}/2026-03-02/iCMnF8AX05033.eml",
    ]
    assert (archive.path / "2026-03-02" / "iCMnF8AX05033.eml").read_bytes().endswith(b">\r\n" + b"x" * 1275)


@pytest.mark.parametrize("option", ["--remove-all", "-r"])
def test_all_are_removed(archive: Archive, option: str) -> None:
    told = archive.klmaila(option)

    assert told == Told(0, ["Total: 2 archived messages have been removed."], "")
    assert archive.klmaila("--show-all").lines == [HEADING, "Total: 0 archived messages, 0 bytes."]
    assert archive.files == []


@pytest.mark.parametrize("option", [["--remove-id=iCMmF84m00443"], ["-d", "iCMmF84m00443"]], ids=str)
def test_one_is_removed(archive: Archive, option: list[str]) -> None:
    told = archive.klmaila(*option)

    assert told == Told(0, ["Message with QueueID iCMmF84m00443 has been removed."], "")
    assert archive.klmaila("-s").lines == [HEADING, ONE, "Total: 1 archived messages, 1275 bytes."]
    assert archive.files == ["iCMnF8AX05033.eml"]


@pytest.mark.parametrize(
    ("option", "checked"),
    [
        (["--send-id=iCMmF84m00443"], True),
        (["-o", "iCMmF84m00443"], True),
        (["--send-id-without-check=iCMmF84m00443"], False),
    ],
    ids=str,
)
def test_one_is_sent_with_or_without_a_check(archive: Archive, option: list[str], checked: bool) -> None:
    told = archive.klmaila(*option)

    assert told == Told(0, ["Message with QueueID iCMmF84m00443 will be sent asap."], "")
    assert archive.orders() == [("iCMmF84m00443", checked)]
    assert archive.klmaila(*option) == told  # as if the first answer had got lost


@pytest.mark.parametrize("option", ["--send-all", "-a"])
def test_all_are_sent_with_a_check(archive: Archive, option: str) -> None:
    told = archive.klmaila(option)

    assert told == Told(0, ["Total: 2 archived messages will be sent asap."], "")
    assert archive.orders() == [("iCMmF84m00443", True), ("iCMnF8AX05033", True)]


def test_what_was_sent_is_sent_once_more_only_on_demand(archive: Archive) -> None:
    archive.change(
        "UPDATE storage_entries SET release = 1, released_at = 1772452800000000 WHERE id = 'iCMmF84m00443'"
    )

    refused = archive.klmaila("--send-id=iCMmF84m00443")
    shown = archive.klmaila("--show-id=iCMmF84m00443")
    others = archive.klmaila("--send-all")
    once_more = archive.klmaila("--send-id=iCMmF84m00443", "--again")

    assert (refused.code, refused.lines) == (4, [])
    assert "was sent before, Mon, 02 Mar 2026 12:00:00 +0000: --again" in refused.errors
    assert "Sent: Mon, 02 Mar 2026 12:00:00 +0000, 1 times in all" in shown.lines
    assert others.lines == ["Total: 1 archived messages will be sent asap."]
    assert once_more.lines == ["Message with QueueID iCMmF84m00443 will be sent asap."]


def test_what_is_about_to_be_sent_is_not_removed(archive: Archive) -> None:
    archive.klmaila("--send-id=iCMmF84m00443")

    told = archive.klmaila("--remove-id=iCMmF84m00443")

    assert told.code == 4
    assert "about to be sent" in told.errors
    assert archive.klmaila("--remove-all").lines == ["Total: 1 archived messages have been removed."]


def test_why_a_message_was_not_sent_is_shown(archive: Archive) -> None:
    archive.change("UPDATE storage_entries SET failure = 'its file is gone' WHERE id = 'iCMmF84m00443'")

    assert "Could not be sent: its file is gone" in archive.klmaila("-i", "iCMmF84m00443").lines


@pytest.mark.parametrize("option", ["--show-id", "--remove-id", "--send-id", "--send-id-without-check"])
def test_a_message_that_is_not_there_is_code_4(archive: Archive, option: str) -> None:
    told = archive.klmaila(f"{option}=nobody")

    assert (told.code, told.lines) == (4, [])
    assert f"Message with QueueID nobody is not in {archive.path}." in told.errors


def test_a_directory_that_is_no_storage_is_code_2(archive: Archive, tmp_path: Path) -> None:
    told = archive.klmaila("--show-all", path=tmp_path)

    assert told.code == 2
    assert f"{tmp_path} is no archive or quarantine: the configuration names {archive.path}" in told.errors


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--show-all"],
        ["--archivepath=/arch_in"],
        ["--archivepath=/arch_in", "--show-all", "--remove-all"],
        ["--archivepath=/arch_in", "--show-all", "--again"],
        ["--archivepath=/arch_in", "--show-everything"],
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_code_1(archive: Archive, options: list[str]) -> None:
    assert archive.run(*options).code == 1


@pytest.mark.parametrize("option", ["-h", "--help", "-v", "--version"])
def test_help_and_version_need_no_gateway(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([option]) == 0
    assert "klmaila" in capsys.readouterr().out


def test_the_listing_may_be_left_early(archive: Archive) -> None:
    done = subprocess.run(
        f"{sys.executable} -m cli.klmaila -c {archive.site.config} --archivepath={archive.path} -s | true",
        shell=True,
        cwd=PROJECT,
        env=dict(archive.site.environment),
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")


def test_a_database_that_cannot_be_used_is_code_3(archive: Archive) -> None:
    (archive.site.folder / "queue" / "records.sqlite").write_bytes(b"no database" * 1000)

    told = archive.klmaila("--show-all")

    assert told.code == 3
    assert "[gateway.records]" in told.errors
