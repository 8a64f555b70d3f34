"""Writing behind, over a shelf that can be closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from gateway.domain.errors import TemporaryFailure
from gateway.domain.journey import Moved
from gateway.records.behind import Pace, WriteBehind
from gateway.records.rows import Numbered
from tests.support.mails import NOON
from tests.support.waiting import until

PACE = Pace(
    write_every=0.01,
    write_at=4,
    apart=0,
    not_ready_at=6,
    ready_again_at=2,
    most=10,
    keep_within=0.2,
    first_retry=0.001,
    longest_retry=0.01,
    close_within=0.2,
)


class Shelf:
    """Where batches go. While it is closed, it refuses them; what is rotten it never takes."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.refused = asyncio.Event()
        self.batches: list[list[str]] = []

    async def store(self, batch: Sequence[Numbered]) -> None:
        ids = [event.mail_id for _, event in batch if isinstance(event, Moved)]
        if not self.open.is_set():
            self.refused.set()
            raise TemporaryFailure("closed")
        if "rotten" in ids:
            raise ValueError("rotten")
        self.batches.append(ids)

    @property
    def stored(self) -> list[str]:
        return [mail_id for batch in self.batches for mail_id in batch]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def behind(shelf: Shelf) -> AsyncIterator[WriteBehind]:
    opened = WriteBehind(shelf.store, PACE)
    yield opened
    await opened.close()


def moved(*ids: str) -> list[Moved]:
    return [Moved(mail_id, NOON, "QUE") for mail_id in ids]


async def test_what_is_noted_is_stored_in_order(shelf: Shelf, behind: WriteBehind) -> None:
    for mail_id in "abcde":
        behind.note(moved(mail_id))

    await behind.keep(moved("f"))

    assert shelf.stored == list("abcdef")


async def test_order_is_kept_while_the_shelf_is_closed(shelf: Shelf, behind: WriteBehind) -> None:
    shelf.open.clear()
    behind.note(moved("a"))
    await shelf.refused.wait()
    behind.note(moved("b"))
    shelf.open.set()

    await behind.keep(moved("c"))

    assert shelf.stored == list("abc")


async def test_what_is_noted_together_is_stored_together(shelf: Shelf, behind: WriteBehind) -> None:
    behind.note(moved("a", "b", "c"))
    behind.note(moved("d", "e", "f"))

    await behind.keep(moved("g"))

    assert [batch for batch in shelf.batches if "d" in batch] == [
        batch for batch in shelf.batches if {"d", "e", "f"} <= set(batch)
    ]


async def test_those_who_keep_at_once_share_a_batch(shelf: Shelf, behind: WriteBehind) -> None:
    await asyncio.gather(behind.keep(moved("a")), behind.keep(moved("b")), behind.keep(moved("c")))

    assert shelf.batches == [["a", "b", "c"]]


async def test_a_keep_that_cannot_be_stored_in_time_fails_and_is_stored_later(
    shelf: Shelf, behind: WriteBehind
) -> None:
    shelf.open.clear()
    with pytest.raises(TemporaryFailure):
        await behind.keep(moved("a"))
    assert behind.failing

    shelf.open.set()
    await behind.keep(moved("b"))

    assert shelf.stored == ["a", "b"]
    assert not behind.failing


async def test_it_is_not_ready_from_the_high_mark_on_until_below_the_low_one(
    shelf: Shelf, behind: WriteBehind
) -> None:
    shelf.open.clear()
    behind.note(moved(*"abcde"))
    assert behind.ready
    behind.note(moved("f"))
    assert not behind.ready

    shelf.open.set()
    await until(lambda: behind.ready)

    assert len(shelf.stored) >= 4


async def test_it_is_not_ready_while_nothing_can_be_stored(shelf: Shelf, behind: WriteBehind) -> None:
    shelf.open.clear()
    behind.note(moved("a"))
    await shelf.refused.wait()
    assert not behind.ready

    shelf.open.set()
    await until(lambda: behind.ready)

    assert shelf.stored == ["a"]


async def test_what_does_not_fit_is_lost_and_the_log_says_how_much(
    shelf: Shelf, behind: WriteBehind, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.open.clear()
    behind.note(moved(*"abcdefghij"))
    behind.note(moved("k", "l"))
    with pytest.raises(TemporaryFailure, match="full"):
        await behind.keep(moved("m"))

    shelf.open.set()
    await behind.close()

    assert shelf.stored == list("abcdefghij")
    assert "records were full: 2 events were not written down" in caplog.text


async def test_what_can_never_be_stored_is_left_out_and_told_to_who_keeps_it(
    shelf: Shelf, behind: WriteBehind
) -> None:
    behind.note(moved("a"))
    behind.note(moved("rotten"))

    outcomes = await asyncio.gather(
        behind.keep(moved("b")), behind.keep(moved("rotten")), return_exceptions=True
    )

    assert sorted(shelf.stored) == ["a", "b"]
    assert outcomes[0] is None
    assert isinstance(outcomes[1], ValueError)


async def test_closing_stores_what_waits(shelf: Shelf) -> None:
    behind = WriteBehind(shelf.store, Pace(write_every=60))
    behind.note(moved("a"))

    await behind.close()

    assert shelf.stored == ["a"]


async def test_closing_gives_up_in_time_and_says_what_is_lost(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.open.clear()
    behind = WriteBehind(shelf.store, PACE)
    behind.note(moved("a", "b"))

    await behind.close()

    assert "2 events could not be written" in caplog.text
