from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import ConfigError
from gateway.domain.mime import take_apart
from gateway.domain.policy import ObjectStatus
from services.scanner import ichecker as module
from services.scanner.engines.port import CLEAN, EngineResult, LocalEngine, Sample
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.ichecker import ENTRIES_IN_A_BUCKET, IChecker, mark_of
from services.scanner.judging import Rules
from services.scanner.objects.walking import Opening
from tests.support.archives import a_zip
from tests.support.engines import BrokenEngine, RemoteEngine, ScriptedEngine
from tests.support.hostile import HostileEngine
from tests.support.looking import SlowBlobs, an_examiner
from tests.support.parts import TEST_FILE, a_message, a_text, an_attachment

MARK, OTHER = b"a" * 32, b"b" * 32
INFECTED = EngineResult(ObjectStatus.INFECTED, ("Worm",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ichecker"


async def examined(
    path: Path, engine: LocalEngine, remote: RemoteEngine, *messages: bytes, rules: Rules | None = None
) -> list[ObjectStatus]:
    """The statuses of messages of one part each, by engines that remember in the table at `path`."""
    blobs = SlowBlobs()
    async with an_examiner(engine, remote=[remote], ichecker=path, rules=rules) as examiner:
        bodies = [blobs.body(message, str(number)) for number, message in enumerate(messages)]
        found = [await examiner.examine(body) for body in bodies]
    return [one.objects[0].status for one in found]


async def test_what_was_found_clean_is_not_asked_again_not_even_after_a_restart(path: Path) -> None:
    engine, remote, hello = ScriptedEngine(), RemoteEngine(), a_message(a_text())

    statuses = await examined(path, engine, remote, hello, b"X: y\r\n" + hello)
    statuses += await examined(path, engine, remote, hello)

    assert statuses == [ObjectStatus.CLEAN] * 3
    assert engine.asked == remote.asked == [b"Hello."]


async def test_what_was_found_clean_in_isolation_is_not_asked_again(path: Path) -> None:
    message = a_message(an_attachment(a_zip(b"Hello.")))
    remote = RemoteEngine()

    await examined(path, ScriptedEngine(), remote, message)
    # An engine that nobody survives who asks it.
    statuses = await examined(path, HostileEngine("die", name="scripted"), remote, message)

    assert statuses == [ObjectStatus.CLEAN]
    assert len(remote.asked) == 1


async def test_what_was_found_clean_without_opening_it_is_asked_again_when_it_is_opened(path: Path) -> None:
    message = a_message(an_attachment(a_zip(TEST_FILE)))
    closed, opened = Rules(opening=Opening(archives=False)), Rules()

    statuses = [
        (await examined(path, StandardTestFile(), RemoteEngine(), message, rules=rules))[0]
        for rules in (closed, opened, closed)
    ]

    assert statuses == [ObjectStatus.CLEAN, ObjectStatus.INFECTED, ObjectStatus.CLEAN]


def test_another_process_need_not_ask_again_either(path: Path) -> None:
    IChecker.open(path, 1024).remember("scripted", "1", MARK)
    question = (
        "from pathlib import Path; from services.scanner.ichecker import IChecker;"
        f"print(IChecker.open(Path({str(path)!r}), 1024).knows('scripted', '1', {MARK!r}))"
    )

    answer = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)

    assert answer.stdout == "True\n"


@pytest.mark.parametrize(
    "other",
    [("other", "1", MARK), ("scripted", "2", MARK), ("scripted", "1", OTHER)],
    ids=["engine", "edition", "part"],
)
def test_an_answer_stands_for_its_engine_edition_and_part_alone(
    path: Path, other: tuple[str, str, bytes]
) -> None:
    ichecker = IChecker.open(path, 1024)

    ichecker.remember("scripted", "1", MARK)

    assert ichecker.knows("scripted", "1", MARK)
    assert not ichecker.knows(*other)


def test_the_mark_of_a_part_stands_for_all_that_engines_see_and_for_nothing_else() -> None:
    def mark(message: bytes, opening: Opening | None = None) -> bytes:
        part = next(part for part in take_apart(message) if not part.container)
        return mark_of(part, message, opening or Opening())

    attachment = a_message(an_attachment(b"Hello.", "a.txt"))

    same = mark(attachment)
    assert mark(b"Subject: another\r\n" + attachment) == same
    assert mark(attachment.replace(b"Content-Disposition", b"Content-ID: <1>\r\nContent-Disposition")) == same
    others = [
        mark(a_message(an_attachment(b"Hello!", "a.txt"))),
        mark(a_message(an_attachment(b"Hello.", "a.exe"))),
        mark(attachment.replace(b"application/octet-stream", b"message/rfc822")),
        mark(attachment.replace(b"base64", b"7bit")),
        mark(attachment, Opening(archives=False)),
    ]
    assert len({same, *others}) == 6


def test_another_version_of_the_gateway_asks_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ichecker = IChecker.open(path, 1024)
    ichecker.remember("scripted", "1", MARK)

    monkeypatch.setattr(module, "VERSION", "0.2.0")

    assert not ichecker.knows("scripted", "1", MARK)


@given(history=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 5)), max_size=30))
def test_no_new_signature_is_ever_hidden(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[int, int, int]]
) -> None:
    """Whatever was asked with whatever databases before: the answer is that of the databases of now."""
    contents = [b"%d" % number for number in range(6)]
    path = tmp_path_factory.mktemp("table") / "ichecker"

    async def check() -> None:
        local, remote, blobs = ScriptedEngine(), RemoteEngine(), SlowBlobs()
        async with an_examiner(local, remote=[remote], ichecker=path) as examiner:
            for step, (local_edition, remote_edition, number) in enumerate(history):
                # Each edition knows all contents below its number.
                local.edition, remote.made = str(local_edition), str(remote_edition)
                local.results = dict.fromkeys(contents[:local_edition], INFECTED)
                remote.results = dict.fromkeys(contents[:remote_edition], INFECTED)

                body = blobs.body(a_message(a_text(contents[number])), str(step))
                (found,) = (await examiner.examine(body)).objects

                known = number < max(local_edition, remote_edition)
                assert (found.status is ObjectStatus.INFECTED) is known

    asyncio.run(check())


async def test_only_clean_answers_of_a_known_edition_are_remembered(path: Path) -> None:
    local, remote, hello = ScriptedEngine({b"Hello.": INFECTED}), RemoteEngine(), a_message(a_text())
    remote.made = ""

    assert await examined(path, local, remote, hello, hello) == [ObjectStatus.INFECTED] * 2
    assert await examined(path, BrokenEngine(), remote, hello, hello) == [ObjectStatus.ERROR] * 2
    assert len(local.asked) == 2
    assert len(remote.asked) == 4


async def test_what_changes_during_a_scan_is_not_remembered(path: Path) -> None:
    class Changing(RemoteEngine):
        async def scan(self, sample: Sample) -> EngineResult:
            self.asked.append(sample.content)
            return CLEAN  # without an edition: it cannot tell with which it looked

    changing, hello = Changing(), a_message(a_text())

    await examined(path, ScriptedEngine(), changing, hello, hello)

    assert len(changing.asked) == 2


def test_the_table_never_grows_and_the_latest_answers_stay(path: Path) -> None:
    ichecker = IChecker.open(path, ENTRIES_IN_A_BUCKET)
    size = path.stat().st_size
    marks = [b"%d" % number for number in range(3 * ENTRIES_IN_A_BUCKET)]

    for mark in marks:
        ichecker.remember("scripted", "1", mark)
        ichecker.remember("scripted", "1", mark)

    known = [mark for mark in marks if ichecker.knows("scripted", "1", mark)]
    assert known == marks[-ENTRIES_IN_A_BUCKET:]
    assert path.stat().st_size == size
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [b"", b"\xff" * 40_000], ids=["cut off", "overwritten"])
def test_a_damaged_table_costs_scans_and_hides_nothing(path: Path, damage: bytes) -> None:
    ichecker = IChecker.open(path, 1024)
    ichecker.remember("scripted", "1", MARK)

    path.write_bytes(damage)

    assert not ichecker.knows("scripted", "1", MARK)
    assert not ichecker.knows("scripted", "2", MARK)


def test_a_disk_that_fails_costs_scans_and_is_said_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ichecker = IChecker.open(path, 1024)
    os.dup2(os.open(path, os.O_RDONLY), ichecker._descriptor)  # what is written now fails

    with caplog.at_level(logging.WARNING):
        ichecker.remember("scripted", "1", MARK)
        ichecker.remember("scripted", "1", MARK)

    assert not ichecker.knows("scripted", "1", MARK)
    assert len(caplog.records) == 1


def test_a_table_of_another_size_begins_anew(path: Path) -> None:
    IChecker.open(path, 1024).remember("scripted", "1", MARK)

    larger = IChecker.open(path, 2048)

    assert not larger.knows("scripted", "1", MARK)
    larger.remember("scripted", "1", MARK)
    assert IChecker.open(path, 2048).knows("scripted", "1", MARK)


def test_a_file_of_somebody_else_is_left_alone(path: Path) -> None:
    path.write_text("precious")

    with pytest.raises(ConfigError, match="is no file of iChecker"):
        IChecker.open(path, 1024)

    assert path.read_text() == "precious"


def test_a_place_that_cannot_be_written_is_named(path: Path) -> None:
    path.write_text("no folder")

    with pytest.raises(ConfigError, match=r"cannot be used for iChecker \(File exists\)"):
        IChecker.open(path / "ichecker", 1024)
