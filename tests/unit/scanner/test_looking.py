from __future__ import annotations

import asyncio
import gzip
from typing import Literal

import pytest

from gateway.domain.errors import TemporaryFailure
from gateway.domain.policy import ObjectStatus
from gateway.runtime.confinement import Bounds
from services.scanner.engines.port import Bases, EngineResult
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.examination import Examination
from services.scanner.judging import Rules
from services.scanner.looking import MOST_REMEMBERED
from tests.support.archives import a_zip, zipped
from tests.support.engines import RemoteEngine, ScriptedEngine, ShyEngine
from tests.support.hostile import HostileEngine
from tests.support.looking import SlowBlobs, an_examiner
from tests.support.parts import TEST_FILE, a_message, a_text, an_attachment

INFECTED = a_message(a_text(), an_attachment(TEST_FILE))
KNOWN = {TEST_FILE: EngineResult(ObjectStatus.INFECTED, ("Test",))}


def statuses(found: Examination) -> list[ObjectStatus]:
    return [one.status for one in found.objects]


async def test_copies_of_one_message_are_looked_at_once_even_at_the_same_time() -> None:
    engine, blobs = ScriptedEngine(KNOWN), SlowBlobs()
    async with an_examiner(engine) as examiner:
        copies = [blobs.body(INFECTED) for _ in range(5)]

        found = await asyncio.gather(*(examiner.examine(copy) for copy in copies))

    assert all(one is found[0] for one in found)
    assert engine.asked == [b"Hello.", TEST_FILE]
    assert blobs.reads == 1


async def test_other_messages_are_looked_at_for_themselves() -> None:
    blobs = SlowBlobs()
    async with an_examiner(ScriptedEngine(KNOWN)) as examiner:
        infected = await examiner.examine(blobs.body(INFECTED, "1"))
        clean = await examiner.examine(blobs.body(a_message(a_text()), "2"))

    assert statuses(infected) == [ObjectStatus.CLEAN, ObjectStatus.INFECTED]
    assert statuses(clean) == [ObjectStatus.CLEAN]


async def test_what_was_found_is_remembered_for_a_bounded_number_of_messages() -> None:
    engine, blobs = ScriptedEngine(), SlowBlobs()
    async with an_examiner(engine) as examiner:
        for number in range(MOST_REMEMBERED + 1):
            await examiner.examine(blobs.body(a_message(a_text()), str(number)))
        engine.asked.clear()

        await examiner.examine(blobs.body(a_message(a_text()), str(MOST_REMEMBERED)))
        await examiner.examine(blobs.body(a_message(a_text()), "0"))

    assert len(engine.asked) == 1


async def test_a_message_with_very_many_parts_is_not_kept() -> None:
    engine, blobs = ScriptedEngine(), SlowBlobs()
    async with an_examiner(engine) as examiner:
        body = blobs.body(a_message(*(a_text() for _ in range(100))))

        await examiner.examine(body)
        await examiner.examine(body)

    assert len(engine.asked) == 200


async def test_with_other_databases_a_copy_is_looked_at_again() -> None:
    engine, blobs = ScriptedEngine(), SlowBlobs()
    async with an_examiner(engine) as examiner:
        before = await examiner.examine(blobs.body(INFECTED))
        engine.edition, engine.results = "2", KNOWN
        after = await examiner.examine(blobs.body(INFECTED))

    assert statuses(before) == [ObjectStatus.CLEAN, ObjectStatus.CLEAN]
    assert statuses(after) == [ObjectStatus.CLEAN, ObjectStatus.INFECTED]


async def test_a_large_message_is_looked_at_in_isolation_with_the_same_result() -> None:
    blobs = SlowBlobs()
    async with (
        an_examiner(StandardTestFile(), large=1) as far,
        an_examiner(StandardTestFile()) as near,
    ):
        assert await far.examine(blobs.body(INFECTED)) == await near.examine(blobs.body(INFECTED))


async def test_what_nobody_should_look_at_on_the_spot_is_looked_at_in_isolation() -> None:
    async with an_examiner(ShyEngine(StandardTestFile())) as examiner:
        found = await examiner.examine(SlowBlobs().body(INFECTED))

    assert statuses(found) == [ObjectStatus.CLEAN, ObjectStatus.INFECTED]


@pytest.mark.parametrize(
    ("engine", "timeout", "cause"),
    [
        (HostileEngine("hang"), 0.5, "scan timed out"),
        (HostileEngine("die"), 20.0, "scan crashed"),
    ],
)
async def test_a_scan_that_does_not_end_well_is_an_error_of_each_part(
    engine: HostileEngine, timeout: float, cause: str
) -> None:
    async with an_examiner(engine, large=1, timeout=timeout) as examiner:
        found = await examiner.examine(SlowBlobs().body(INFECTED))

    assert [(one.status, one.cause) for one in found.objects] == [(ObjectStatus.ERROR, cause)] * 2


async def test_what_could_not_be_looked_at_is_looked_at_again_for_the_next_copy() -> None:
    blobs = SlowBlobs()
    async with an_examiner(HostileEngine("die"), large=1) as examiner:
        first = await examiner.examine(blobs.body(INFECTED))
        second = await examiner.examine(blobs.body(INFECTED))

    assert first == second
    assert first is not second


async def test_the_databases_are_those_of_all_engines() -> None:
    async with an_examiner(ScriptedEngine(), remote=[RemoteEngine()]) as examiner:
        assert examiner.bases == Bases(RemoteEngine.bases.made_on, 3)


@pytest.mark.parametrize("large", [1, 1 << 20], ids=["in isolation", "on the spot"])
async def test_of_local_and_remote_engines_the_worst_result_counts(large: int) -> None:
    remote = RemoteEngine({b"Hello.": EngineResult(ObjectStatus.SUSPICIOUS, ("Odd",))})
    async with an_examiner(StandardTestFile(), remote=[remote], large=large) as examiner:
        found = await examiner.examine(SlowBlobs().body(INFECTED))

    assert [(one.status, one.threats) for one in found.objects] == [
        (ObjectStatus.SUSPICIOUS, ("Odd",)),
        (ObjectStatus.INFECTED, ("EICAR-Test-File",)),
    ]
    assert sorted(remote.asked) == [b"Hello.", TEST_FILE]


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ({}, ObjectStatus.DISINFECTED),
        ({b"CURE-" + TEST_FILE: EngineResult(ObjectStatus.INFECTED, ("Worm",))}, ObjectStatus.INFECTED),
        ({b"CURE": EngineResult(ObjectStatus.INFECTED, ("Worm",))}, ObjectStatus.INFECTED),
    ],
    ids=["finds nothing", "finds something that nobody cured", "finds something in what is cured"],
)
async def test_a_cure_is_believed_only_if_remote_engines_have_nothing_against_it(
    results: dict[bytes, EngineResult], status: ObjectStatus
) -> None:
    message = a_message(an_attachment(b"CURE-" + TEST_FILE))
    remote = RemoteEngine(results)
    async with an_examiner(StandardTestFile(), remote=[remote], rules=Rules(cure=True)) as examiner:
        (found,) = (await examiner.examine(SlowBlobs().body(message))).objects

    assert found.status is status
    assert (found.cured is None) is (status is ObjectStatus.INFECTED)


async def test_while_a_remote_engine_is_away_the_mail_waits_and_is_looked_at_when_it_is_back() -> None:
    remote, blobs = RemoteEngine(KNOWN), SlowBlobs()
    async with an_examiner(remote=[remote]) as examiner:
        remote.away = True
        with pytest.raises(TemporaryFailure, match="it is away"):
            await examiner.examine(blobs.body(INFECTED))
        remote.away = False
        found = await examiner.examine(blobs.body(INFECTED))

    assert statuses(found) == [ObjectStatus.CLEAN, ObjectStatus.INFECTED]


async def test_a_remote_engine_that_fails_makes_an_error_with_its_cause() -> None:
    class Failing(RemoteEngine):
        async def scan(self, sample: object) -> EngineResult:
            raise OSError("broken")

    async with an_examiner(remote=[Failing()]) as examiner:
        (found,) = (await examiner.examine(SlowBlobs().body(a_message(a_text())))).objects

    assert (found.status, found.cause) == (ObjectStatus.ERROR, "remote: OSError: broken")


async def test_a_remote_engine_gets_what_is_in_containers_that_it_does_not_open() -> None:
    """And nothing twice: what it opens itself it gets as it is."""
    zipped, inner = a_zip(b"in a zip"), a_zip(b"in a zip in a stream")
    stream = gzip.compress(inner)
    remote = RemoteEngine({inner: EngineResult(ObjectStatus.INFECTED, ("Worm",))})
    async with an_examiner(StandardTestFile(), remote=[remote]) as examiner:
        found = await examiner.examine(
            SlowBlobs().body(a_message(an_attachment(zipped), an_attachment(stream)))
        )

    assert sorted(remote.asked) == sorted([zipped, stream, inner])
    assert statuses(found) == [ObjectStatus.CLEAN, ObjectStatus.INFECTED]
    assert [one.status for one in found.objects[1].inside] == [ObjectStatus.INFECTED, ObjectStatus.CLEAN]


async def test_what_is_too_large_to_be_given_to_a_remote_engine_is_an_error() -> None:
    remote = RemoteEngine()
    stream = gzip.compress(b"x" * 3_000_000)
    bounds = Bounds(file_size=1 << 20)
    async with an_examiner(StandardTestFile(), remote=[remote], bounds=bounds) as examiner:
        (found,) = (await examiner.examine(SlowBlobs().body(a_message(an_attachment(stream))))).objects

    assert (found.status, found.cause) == (
        ObjectStatus.ERROR,
        f"{found.inside[0].path}: too large to be given to all engines",
    )


ARCHIVED = a_message(
    a_text(),
    an_attachment(a_zip(TEST_FILE), "bad.zip"),
    an_attachment(a_zip(b"harmless"), "harmless.zip"),
    an_attachment(a_zip(b"victim"), "victim.zip"),
)


async def test_what_holds_other_objects_is_opened_in_isolation_and_nothing_else_is() -> None:
    engine = ScriptedEngine(KNOWN)
    async with an_examiner(engine) as examiner:
        found = await examiner.examine(SlowBlobs().body(ARCHIVED))

        assert [one.status for one in found.objects] == [
            ObjectStatus.CLEAN,
            ObjectStatus.INFECTED,
            ObjectStatus.CLEAN,
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
            (ObjectStatus.INFECTED, ""),
            (ObjectStatus.CLEAN, ""),
            (ObjectStatus.ERROR, cause),
        ]


async def test_a_message_takes_only_so_long_in_all() -> None:
    contents = (b"harmless", *([b"victim"] * 20), b"harmless")
    message = a_message(*(an_attachment(a_zip(content)) for content in contents))
    async with an_examiner(HostileEngine("hang", victim=b"victim"), timeout=0.5) as examiner:
        found = await examiner.examine(SlowBlobs().body(message))

        assert [one.part.path for one in found.objects] == [str(number) for number in range(1, 23)]
        assert {one.cause for one in found.objects[1:]} == {"scan timed out"}


async def test_a_message_with_very_much_inside_it_is_not_kept() -> None:
    blobs = SlowBlobs()
    async with an_examiner(StandardTestFile()) as examiner:
        body = blobs.body(a_message(an_attachment(zipped({str(number): b"x" for number in range(100)}))))

        assert await examiner.examine(body) is not await examiner.examine(body)


@pytest.mark.parametrize(
    "message",
    [
        a_message(*(a_text() for _ in range(400))),
        a_message(*(a_text() for _ in range(150))),
        a_message(*[b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QUJD=*\r\n" * 20_000] * 4),
    ],
    ids=["very many parts", "many parts", "parts of which nobody knows how to read them"],
)
async def test_a_message_that_is_much_work_is_looked_at_in_isolation(message: bytes) -> None:
    engine = ScriptedEngine()
    async with an_examiner(engine) as examiner:
        found = await examiner.examine(SlowBlobs().body(message))

        assert {one.status for one in found.objects} == {ObjectStatus.CLEAN}
        assert len(engine.asked) < 110
