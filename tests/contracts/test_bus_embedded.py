"""What the embedded bus promises beyond the port: crashes, a full disk, and mail without number."""

from __future__ import annotations

import asyncio
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.bus.embedded import WINDOW, EmbeddedBus
from gateway.bus.intake import MOST_TAKES
from gateway.bus.ledger import MOST_DUE_AT_ONCE
from gateway.bus.port import ParkedMail
from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Stage
from tests.support.mails import a_mail

PATIENCE = 30.0
ROOT = Path(__file__).resolve().parents[2]

PUBLISHER = """
import asyncio, sys
from datetime import timedelta
from itertools import count
from pathlib import Path

from gateway.bus.embedded import EmbeddedBus
from gateway.domain.pipeline import Stage
from tests.support.mails import a_mail

numbers = count()

async def publish_on(bus):
    for number in numbers:
        kind = number % 3
        if kind == 0:
            await bus.publish(Stage.ANTISPAM, [a_mail(f"m{number}")])
        elif kind == 1:
            await bus.defer(Stage.ANTISPAM, a_mail(f"m{number}"), timedelta(milliseconds=1))
        else:
            await bus.park(Stage.ANTISPAM, a_mail(f"m{number}"), "why")
        print(f"m{number}", flush=True)

async def main():
    bus = await EmbeddedBus.open(Path(sys.argv[1]))
    await asyncio.gather(*(publish_on(bus) for _ in range(16)))

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bus.sqlite"


@pytest.fixture
async def bus(path: Path) -> AsyncIterator[EmbeddedBus]:
    opened = await EmbeddedBus.open(path)
    yield opened
    await opened.close()


async def test_what_was_safe_outlasts_a_killed_process(path: Path) -> None:
    with publishing_process(path) as process:
        assert process.stdout is not None
        safe = [process.stdout.readline().strip() for _ in range(500)]
        process.send_signal(signal.SIGKILL)
        safe += process.stdout.read().split()

    bus = await EmbeddedBus.open(path)
    missing = set(safe) - {one.mail.id for one in await all_parked(bus) if one.mail}
    while missing:
        missing -= {mail.id for mail in await take(bus, 1)}

    assert len(safe) >= 500
    await bus.close()


async def test_a_file_has_one_owner_at_a_time(path: Path) -> None:
    with publishing_process(path) as process:
        assert process.stdout is not None
        process.stdout.readline()

        with pytest.raises(ConfigError, match="another process") as refused:
            await EmbeddedBus.open(path)
        process.kill()

    assert str(path) in str(refused.value)


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\x00" + bytes(4000)])
async def test_a_file_that_is_no_queue_is_named(path: Path, content: bytes) -> None:
    await asyncio.to_thread(path.write_bytes, content)

    with pytest.raises(ConfigError) as refused:
        await EmbeddedBus.open(path)

    assert str(path) in str(refused.value)


async def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="folder must be writable") as refused:
        await EmbeddedBus.open(tmp_path / "none" / "bus.sqlite")

    assert str(tmp_path) in str(refused.value)


async def test_a_queue_of_a_newer_version_is_left_alone(path: Path) -> None:
    await (await EmbeddedBus.open(path)).close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 99")

    with pytest.raises(ConfigError, match="newer version"):
        await EmbeddedBus.open(path)


async def test_a_full_disk_is_a_temporary_failure_that_ends_by_itself(bus: EmbeddedBus, path: Path) -> None:
    await bus.publish(Stage.ANTISPAM, [a_mail("before")])
    with files_of_at_most(64 * 1024):
        with pytest.raises(TemporaryFailure, match="cannot be written"):
            await bus.publish(Stage.ANTISPAM, many("big", 500))
        # What is done meanwhile is remembered, and written when there is room.
        assert [mail.id for mail in await take(bus, 1)] == ["before"]

    await bus.publish(Stage.ANTISPAM, [a_mail("after")])
    await bus.close()
    again = await EmbeddedBus.open(path)

    assert [mail.id for mail in await take(again, 1)] == ["after"]
    assert (await again.depth())[Stage.ANTISPAM] == 0
    await again.close()


async def test_more_mail_than_is_held_in_memory_comes_whole_and_in_order(path: Path) -> None:
    first = await EmbeddedBus.open(path)
    await first.publish(Stage.ANTISPAM, many("a", WINDOW + 10))
    await first.close()
    bus = await EmbeddedBus.open(path)
    await bus.publish(Stage.ANTISPAM, many("b", 3 * WINDOW))
    await bus.publish(Stage.ANTISPAM, many("u", 2), urgent=True)
    expected = many("a", WINDOW + 10) + many("b", 3 * WINDOW) + many("c", 5)

    assert await take(bus, 2) == many("u", 2)
    begun = await take(bus, WINDOW)
    await bus.publish(Stage.ANTISPAM, many("c", 5))
    rest = await take(bus, len(expected) - WINDOW)
    assert begun + rest == expected
    assert (await bus.depth())[Stage.ANTISPAM] == 0
    await bus.close()


async def test_waiting_mail_comes_when_the_clock_says_so(path: Path) -> None:
    now = 1_000_000.0
    bus = await EmbeddedBus.open(path, now=lambda: now)
    late = many("late", MOST_DUE_AT_ONCE + 20)
    await asyncio.gather(*(bus.defer(Stage.ANTISPAM, mail, timedelta(hours=2)) for mail in late))
    await bus.defer(Stage.ANTISPAM, a_mail("soon"), timedelta(hours=1))
    await bus.publish(Stage.ANTISPAM, [a_mail("ready")])
    assert [mail.id for mail in await take(bus, 1)] == ["ready"]

    now += 3600.1
    assert [mail.id for mail in await take(bus, 1)] == ["soon"]
    assert (await bus.depth())[Stage.ANTISPAM] == 0

    now += 3600
    assert {mail.id for mail in await take(bus, len(late))} == {mail.id for mail in late}
    await bus.close()


async def test_takes_are_counted_beyond_a_restart(path: Path) -> None:
    takes = 0
    parked: list[str] = []
    while not parked:
        bus = await EmbeddedBus.open(path)
        if takes == 0:
            await bus.publish(Stage.ANTISPAM, [a_mail("bad")])
        async with asyncio.timeout(PATIENCE), bus.consume(Stage.ANTISPAM, 5) as deliveries:
            for _ in range(7):
                waiting = asyncio.ensure_future(anext(deliveries))
                await bus.publish(Stage.SENDER, [a_mail("elsewhere")])
                if not waiting.done():
                    waiting.cancel()
                    break
                takes += 1
                await (await waiting).again()
        parked = [one.reason for one in await all_parked(bus)]
        await bus.close()

    assert takes == MOST_TAKES
    assert parked == [f"taken {MOST_TAKES} times without an end"]


async def test_a_closed_bus_takes_nothing(path: Path) -> None:
    bus = await EmbeddedBus.open(path)
    await bus.close()

    with pytest.raises(TemporaryFailure):
        await bus.publish(Stage.ANTISPAM, [a_mail()])


def many(prefix: str, count: int) -> list[Mail]:
    return [a_mail(f"{prefix}{number}") for number in range(count)]


async def all_parked(bus: EmbeddedBus) -> list[ParkedMail]:
    async with bus.parked() as walk:
        return [parked async for parked in walk]


async def take(bus: EmbeddedBus, count: int) -> list[Mail]:
    taken: list[Mail] = []
    async with asyncio.timeout(PATIENCE), bus.consume(Stage.ANTISPAM, 10) as deliveries:
        while len(taken) < count:
            delivery = await anext(deliveries)
            taken.append(delivery.mail)
            await delivery.done()
    return taken


@contextmanager
def publishing_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PUBLISHER, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
