from __future__ import annotations

import asyncio
import logging
from datetime import date, timedelta
from pathlib import Path

import pytest

from gateway.bases import shelf
from gateway.bases.catalogue import BaseSet, UnusableSet
from gateway.bases.library import Library, NoBases
from tests.support.bases import MADE_AT, a_set, a_set_in_use
from tests.support.waiting import until

LATER = MADE_AT + timedelta(days=1)


def read_rules(found: BaseSet) -> bytes:
    content = (found.folder / "rules").read_bytes()
    if content == b"broken":
        raise UnusableSet("these rules are broken")
    return content


async def a_library(folder: Path) -> Library[bytes]:
    """A library with a shelf in `folder`, and a set that came with the gateway."""
    if not (folder / "shipped").exists():
        a_set(folder / "shipped", {"rules": b"shipped"})
    library = Library(folder / "av", folder / "shipped", read_rules)
    await library.open()
    return library


async def test_the_set_in_use_is_read(tmp_path: Path) -> None:
    made = a_set_in_use(tmp_path / "av", {"rules": b"1"})

    library = await a_library(tmp_path)

    assert library.current.content == b"1"
    assert library.current.source == made


async def test_while_there_are_no_sets_the_shipped_one_serves_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    library = await a_library(tmp_path)

    assert library.current.content == b"shipped"
    assert "no databases yet" in caplog.text


async def test_a_set_that_is_switched_to_takes_over_and_the_old_one_serves_until_then(tmp_path: Path) -> None:
    a_set_in_use(tmp_path / "av", {"rules": b"1"})
    library = await a_library(tmp_path)
    begun_with = library.current

    a_set_in_use(tmp_path / "av", {"rules": b"2"}, LATER)
    looking = asyncio.create_task(library.look())
    await asyncio.sleep(0)  # the look has begun
    meanwhile = library.current.content

    assert await looking
    assert (meanwhile, library.current.content) == (b"1", b"2")
    assert begun_with.content == b"1"


async def test_the_way_back_is_a_switch_like_any_other(tmp_path: Path) -> None:
    older = a_set_in_use(tmp_path / "av", {"rules": b"1"})
    a_set_in_use(tmp_path / "av", {"rules": b"2"}, LATER)
    library = await a_library(tmp_path)

    shelf.switch(tmp_path / "av", older.manifest.version)

    assert await library.look()
    assert library.current.content == b"1"


async def test_who_follows_notices_a_switch_by_itself(tmp_path: Path) -> None:
    library = await a_library(tmp_path)
    following = asyncio.create_task(library.follow())
    try:
        a_set_in_use(tmp_path / "av", {"rules": b"1"})
        await until(lambda: library.current.content == b"1")
    finally:
        following.cancel()


async def test_who_follows_reads_the_set_in_use_anew_when_an_operator_wants_it(tmp_path: Path) -> None:
    a_set_in_use(tmp_path / "av", {"rules": b"1"})
    library = await a_library(tmp_path)
    reloads = 0
    following = asyncio.create_task(library.follow(lambda: reloads))
    before = library.current
    await asyncio.sleep(0)  # it has begun

    reloads = 1

    await until(lambda: library.current is not before)
    following.cancel()
    assert library.current.content == b"1"


@pytest.mark.parametrize("damage", ["file", "content"])
async def test_a_set_that_cannot_be_used_changes_nothing_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    a_set_in_use(tmp_path / "av", {"rules": b"1"})
    library = await a_library(tmp_path)
    newer = a_set_in_use(tmp_path / "av", {"rules": b"broken" if damage == "content" else b"2"}, LATER)
    if damage == "file":
        (newer.folder / "rules").write_bytes(b"half")

    with caplog.at_level(logging.ERROR):
        looks = [await library.look() for _ in range(3)]

    assert looks == [False, False, False]
    assert library.current.content == b"1"
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1


async def test_a_start_falls_back_to_the_newest_set_that_can_be_used(tmp_path: Path) -> None:
    for number, content in enumerate([b"1", b"2", b"broken"]):
        a_set_in_use(tmp_path / "av", {"rules": content}, MADE_AT + timedelta(days=number))

    library = await a_library(tmp_path)

    assert library.current.content == b"2"


async def test_a_start_with_nothing_but_unusable_sets_is_refused(tmp_path: Path) -> None:
    a_set_in_use(tmp_path / "av", {"rules": b"broken"})

    with pytest.raises(NoBases, match="no set of databases here can be used"):
        await a_library(tmp_path)


async def a_licensed_library(folder: Path, last_day: list[date]) -> Library[bytes]:
    """A library under a licence whose last day may change."""
    if not (folder / "shipped").exists():
        a_set(folder / "shipped", {"rules": b"shipped"})
    place, shipped = folder / "av", folder / "shipped"
    library = Library(place, shipped, read_rules, permits=lambda made_on: made_on <= last_day[0])
    await library.open()
    return library


async def test_databases_made_after_the_licence_ended_are_refused_until_there_is_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    last_day = [MADE_AT.date()]
    a_set_in_use(tmp_path / "av", {"rules": b"1"})
    library = await a_licensed_library(tmp_path, last_day)
    a_set_in_use(tmp_path / "av", {"rules": b"2"}, LATER)

    assert [await library.look() for _ in range(3)] == [False, False, False]
    assert library.current.content == b"1"
    assert caplog.text.count("they were made after the licence ended") == 1

    last_day[0] = LATER.date()
    assert await library.look()
    assert library.current.content == b"2"


async def test_databases_that_are_too_new_are_refused_at_a_start_too_though_they_are_on_the_disk(
    tmp_path: Path,
) -> None:
    last_day = [MADE_AT.date()]
    a_set_in_use(tmp_path / "av", {"rules": b"1"})
    a_set_in_use(tmp_path / "av", {"rules": b"2"}, LATER)

    library = await a_licensed_library(tmp_path, last_day)

    assert library.current.content == b"1"
    last_day[0] = LATER.date()
    assert await library.look()
    assert library.current.content == b"2"


async def test_when_the_licence_covers_no_set_the_one_that_came_with_the_gateway_serves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    a_set_in_use(tmp_path / "av", {"rules": b"2"}, LATER)

    library = await a_licensed_library(tmp_path, [MADE_AT.date()])

    assert library.current.content == b"shipped"
    assert "no databases that the licence covers" in caplog.text
