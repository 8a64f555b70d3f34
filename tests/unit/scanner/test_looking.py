from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import pytest

from gateway.blobs.memory import MemoryBlobs
from gateway.domain.mail import BodyRef
from gateway.domain.policy import ObjectStatus
from gateway.runtime.isolation import IsolationPool
from services.scanner.engines.port import Engine, EngineResult
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.judging import Rules
from services.scanner.looking import MOST_REMEMBERED, Body, Examiner
from tests.support.archives import a_zip, zipped
from tests.support.hostile import HostileEngine
from tests.support.parts import TEST_FILE, a_message, a_text, an_attachment

INFECTED = a_message(a_text(), an_attachment(TEST_FILE))


class SlowBlobs(MemoryBlobs):
    """Lets others go on while it reads, and counts how often it does."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    async def read(self, body: BodyRef) -> bytes:
        self.reads += 1
        await asyncio.sleep(0)
        return await super().read(body)

    def body(self, message: bytes, digest: str = "0") -> Body:
        reference = BodyRef(f"{digest}-a", len(message))
        self.store(reference.name, message)
        return Body(self, reference)


@dataclass(frozen=True)
class CountingEngine:
    """The testfile engine, with a list of what it was asked."""

    name: str = "counting"
    bases = StandardTestFile().bases
    asked: list[bytes] = field(default_factory=list)

    def scan(self, content: bytes, name: str) -> EngineResult:
        self.asked.append(content)
        return StandardTestFile().scan(content, name)


@asynccontextmanager
async def an_examiner(
    engine: Engine, *, large: int = 1 << 20, timeout: float = 20.0
) -> AsyncIterator[Examiner]:
    pool = IsolationPool(processes=1, preload=("tests.support.hostile",))
    try:
        yield Examiner(pool, (engine,), Rules(), timeout=timeout, large=large)
    finally:
        await pool.close()


async def test_copies_of_one_message_are_looked_at_once_even_at_the_same_time() -> None:
    engine, blobs = CountingEngine(), SlowBlobs()
    async with an_examiner(engine) as examiner:
        copies = [blobs.body(INFECTED) for _ in range(5)]

        found = await asyncio.gather(*(examiner.examine(copy) for copy in copies))

        assert all(one is found[0] for one in found)
        assert engine.asked == [b"Hello.", TEST_FILE]
        assert blobs.reads == 1


async def test_other_messages_are_looked_at_for_themselves() -> None:
    blobs = SlowBlobs()
    async with an_examiner(CountingEngine()) as examiner:
        infected = await examiner.examine(blobs.body(INFECTED, "1"))
        clean = await examiner.examine(blobs.body(a_message(a_text()), "2"))

        assert [one.status for one in infected.objects] == [ObjectStatus.CLEAN, ObjectStatus.INFECTED]
        assert [one.status for one in clean.objects] == [ObjectStatus.CLEAN]


async def test_what_was_found_is_remembered_for_a_bounded_number_of_messages() -> None:
    engine, blobs = CountingEngine(), SlowBlobs()
    async with an_examiner(engine) as examiner:
        for number in range(MOST_REMEMBERED + 1):
            await examiner.examine(blobs.body(a_message(a_text()), str(number)))
        engine.asked.clear()

        await examiner.examine(blobs.body(a_message(a_text()), str(MOST_REMEMBERED)))
        await examiner.examine(blobs.body(a_message(a_text()), "0"))

        assert len(engine.asked) == 1


async def test_a_message_with_very_many_parts_is_not_kept() -> None:
    engine, blobs = CountingEngine(), SlowBlobs()
    async with an_examiner(engine) as examiner:
        body = blobs.body(a_message(*(a_text() for _ in range(100))))

        await examiner.examine(body)
        await examiner.examine(body)

        assert len(engine.asked) == 200


async def test_a_large_message_is_looked_at_in_isolation_with_the_same_result() -> None:
    blobs = SlowBlobs()
    async with an_examiner(StandardTestFile(), large=1) as far, an_examiner(StandardTestFile()) as near:
        assert await far.examine(blobs.body(INFECTED)) == await near.examine(blobs.body(INFECTED))


@pytest.mark.parametrize(
    ("engine", "timeout", "cause"),
    [
        (HostileEngine("hang"), 0.5, "scan timed out"),
        (HostileEngine("die"), 20.0, "scan crashed"),
    ],
)
async def test_a_scan_that_does_not_end_well_is_an_error_of_the_whole_message(
    engine: HostileEngine, timeout: float, cause: str
) -> None:
    async with an_examiner(engine, large=1, timeout=timeout) as examiner:
        found = await examiner.examine(SlowBlobs().body(INFECTED))

        assert [(one.status, one.cause) for one in found.objects] == [(ObjectStatus.ERROR, cause)]


async def test_what_could_not_be_looked_at_is_looked_at_again_for_the_next_copy() -> None:
    blobs = SlowBlobs()
    async with an_examiner(HostileEngine("die"), large=1) as examiner:
        first = await examiner.examine(blobs.body(INFECTED))
        second = await examiner.examine(blobs.body(INFECTED))

        assert first == second
        assert first is not second


ARCHIVED = a_message(
    a_text(),
    an_attachment(a_zip(b"victim"), "victim.zip"),
    an_attachment(a_zip(TEST_FILE), "bad.zip"),
    an_attachment(a_zip(b"harmless"), "harmless.zip"),
)


async def test_what_holds_other_objects_is_opened_in_isolation_and_nothing_else_is() -> None:
    engine = CountingEngine()
    async with an_examiner(engine) as examiner:
        found = await examiner.examine(SlowBlobs().body(ARCHIVED))

        assert [one.status for one in found.objects] == [
            ObjectStatus.CLEAN,
            ObjectStatus.CLEAN,
            ObjectStatus.INFECTED,
            ObjectStatus.CLEAN,
        ]
        assert engine.asked == [b"Hello."]  # what it is asked elsewhere, it does not learn here


@pytest.mark.parametrize(
    ("behaviour", "timeout", "cause"), [("die", 20.0, "scan crashed"), ("hang", 1.5, "scan timed out")]
)
async def test_a_part_that_cannot_be_looked_at_leaves_the_others_alone(
    behaviour: Literal["die", "hang"], timeout: float, cause: str
) -> None:
    engine = HostileEngine(behaviour, victim=b"victim")
    async with an_examiner(engine, timeout=timeout) as examiner:
        found = await examiner.examine(SlowBlobs().body(ARCHIVED))

        assert [(one.status, one.cause) for one in found.objects] == [
            (ObjectStatus.CLEAN, ""),
            (ObjectStatus.ERROR, cause),
            (ObjectStatus.INFECTED, ""),
            (ObjectStatus.CLEAN, ""),
        ]


async def test_a_message_takes_only_so_long_in_all() -> None:
    message = a_message(*(an_attachment(a_zip(b"victim"), str(number)) for number in range(20)))
    async with an_examiner(HostileEngine("hang", victim=b"victim"), timeout=0.3) as examiner:
        found = await examiner.examine(SlowBlobs().body(message))

        assert {one.cause for one in found.objects} == {"scan timed out"}


async def test_a_message_with_very_much_inside_it_is_not_kept() -> None:
    blobs = SlowBlobs()
    async with an_examiner(StandardTestFile()) as examiner:
        body = blobs.body(a_message(an_attachment(zipped({str(number): b"x" for number in range(100)}))))

        assert await examiner.examine(body) is not await examiner.examine(body)
