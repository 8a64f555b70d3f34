"""`kllearn`: its options, the lines that follow its banner, and its return codes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from cli.kllearn import main
from gateway.blobs.carrying import CarryingBlobs
from gateway.blobs.memory import MemoryBlobs
from gateway.domain.lessons import Lesson, Told
from gateway.domain.storage import Storage, StorageKind, StoredStatus
from gateway.records.port import LessonRecords
from gateway.records.sqlite import open_sqlite
from gateway.storages.directory import DirectoryPlace
from gateway.storages.storages import Storages
from tests.support.gateway import Site, make_site
from tests.support.mails import NOON, a_mail

MESSAGE = b"Subject: =?utf-8?q?Gewonnen=21?=\r\n\r\nSie haben gewonnen\r\n"

T = TypeVar("T")


@dataclass(frozen=True)
class Desk:
    """A gateway that does not run, with one message in its incoming archive and one in a file."""

    site: Site
    archive: Path
    file: Path
    captured: pytest.CaptureFixture[str]

    def kllearn(self, *options: str) -> tuple[int, list[str], str]:
        code = main(["-c", str(self.site.config), *options])
        out, errors = self.captured.readouterr()
        banner, *lines = out.splitlines() or [""]
        assert code == 1 or re.fullmatch(
            r"Mailwarden Spam Filter Lessons Manager for Linux version \S+", banner
        )
        return code, lines, errors

    def ask(self, question: Callable[[LessonRecords], Awaitable[T]]) -> T:
        async def asked() -> T:
            records = await open_sqlite(self.site.folder / "queue" / "records.sqlite")
            try:
                return await question(records.lessons)
            finally:
                await records.close()

        return asyncio.run(asked())

    @property
    def lessons(self) -> list[Lesson]:
        async def recent(lessons: LessonRecords) -> list[Lesson]:
            return list(await lessons.recent(99))

        return self.ask(recent)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    archive, file = tmp_path / "arch_in", tmp_path / "offer.eml"
    file.write_bytes(MESSAGE)
    settings = {
        "smtpgw.path IncomingArchivePath": str(archive),
        "smtpgw.options User": "",
        "smtpgw.options Group": "",
    }
    asyncio.run(fill(tmp_path / "queue" / "records.sqlite", str(archive)))
    site = make_site(tmp_path, next_hop_port=1, settings=settings)
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)
    return Desk(site, archive, file, capsys)


async def fill(records_file: Path, path: str) -> None:
    records = await open_sqlite(records_file)
    blobs = MemoryBlobs()
    writer = blobs.create("in")
    await writer.write(b"Subject: stored\r\n\r\na stored message\r\n")
    mail = a_mail("iCMnF8AX05033", body=await writer.commit())
    storages = Storages(DirectoryPlace(), CarryingBlobs(blobs), records)
    await storages.keep(Storage(StorageKind.INCOMING, path), mail, StoredStatus.RECEIVED, at=NOON)
    await records.close()


def test_a_message_in_a_file_is_taught(desk: Desk) -> None:
    code, [said], _ = desk.kllearn(f"--spam-file={desk.file}")

    [lesson] = desk.lessons
    assert (code, said) == (0, f"Lesson {lesson.id}: spam, has been taught.")
    assert (lesson.told, lesson.title, lesson.origin) == (Told.SPAM, "Gewonnen!", str(desk.file))


def test_a_message_of_an_archive_is_taught(desk: Desk) -> None:
    code, _, _ = desk.kllearn("--good-id=iCMnF8AX05033", f"--archivepath={desk.archive}")

    [lesson] = desk.lessons
    assert code == 0
    assert (lesson.told, lesson.title) == (Told.GOOD, "stored")
    assert lesson.origin == f"{desk.archive} iCMnF8AX05033"


def test_a_dry_run_says_what_would_change_and_changes_nothing(desk: Desk) -> None:
    code, [said], _ = desk.kllearn(f"--spam-file={desk.file}", "--dry-run")

    assert code == 0
    assert said.endswith(": spam, would be taught.")
    assert desk.lessons == []


def test_who_says_otherwise_is_told_whose_lesson_gives_way(desk: Desk) -> None:
    desk.kllearn(f"--spam-file={desk.file}")

    _, [_, replaced], _ = desk.kllearn(f"--good-file={desk.file}")
    _, [again], _ = desk.kllearn(f"--good-file={desk.file}")

    [lesson] = desk.lessons
    assert lesson.told is Told.GOOD
    assert replaced.endswith("said: spam.")
    assert again == f"Lesson {lesson.id} says so already."


def test_lessons_are_listed_and_taken_back(desk: Desk) -> None:
    desk.kllearn(f"--spam-file={desk.file}")
    [lesson] = desk.lessons

    _, [_, line, total], _ = desk.kllearn("-s")
    would = desk.kllearn("-n", f"--undo={lesson.id}")
    done = desk.kllearn(f"--undo={lesson.id}")

    assert line.startswith(f"{lesson.id} spam waits ")
    assert line.endswith(" Gewonnen!")
    assert total == "Total: 1 lessons."
    assert would[:2] == (0, [f"Lesson {lesson.id} (spam) would be taken back."])
    assert done[:2] == (0, [f"Lesson {lesson.id} (spam) has been taken back."])
    assert desk.lessons == []
    assert desk.kllearn(f"--undo={lesson.id}")[0] == 4


@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        ((), 1, "give one of -s, -u,"),
        (("-s", "--undo=x"), 1, "not several"),
        (("--spam-id=x",), 1, "--spam-id needs --archivepath"),
        (("-s", "--archivepath=/a"), 1, "-s needs no --archivepath"),
        (("--spam-file=/nowhere",), 1, "/nowhere: No such file"),
        (("--spam-id=x", "--archivepath=/nowhere"), 2, "/nowhere is no archive or quarantine"),
        (("--spam-file=/dev/null",), 4, "there is no message to learn from"),
    ],
)
def test_what_cannot_be_done_is_told(desk: Desk, options: tuple[str, ...], code: int, why: str) -> None:
    found, _, errors = desk.kllearn(*options)

    assert found == code
    assert why in errors


def test_a_message_that_is_not_in_the_archive_is_told(desk: Desk) -> None:
    code, _, errors = desk.kllearn("--spam-id=iNone", f"--archivepath={desk.archive}")

    assert (code, errors) == (4, f"kllearn: Message with QueueID iNone is not in {desk.archive}.\n")
