"""What clamd says and does, and what becomes of it: by a scripted clamd, and by none at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from gateway.domain.endpoint import HostPort, LocalSocket
from gateway.domain.errors import TemporaryFailure
from gateway.domain.policy import ObjectStatus
from gateway.runtime.outages import Outages
from services.scanner.engines.clamd import MOST_BREAKS, ClamdEngine, meaning_of
from services.scanner.engines.clamdhealth import FIRST_WAIT, LONGEST_WAIT
from services.scanner.engines.port import Bases, Sample
from tests.support.looking import SlowBlobs, an_examiner
from tests.support.parts import a_message, a_text
from tests.support.ports import free_port
from tests.support.records import MemoryOutages
from tests.support.scriptedclamd import DATED, NEWER, ScriptedClamd
from tests.support.waiting import until

HELLO = Sample(b"Hello.")


class Clock:
    """Stands still until it is told to go on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def an_engine(
    address: HostPort | LocalSocket,
    clock: Clock | None = None,
    *,
    official_only: bool = True,
    outages: Outages | None = None,
) -> Iterator[ClamdEngine]:
    engine = ClamdEngine(
        address,
        sessions=2,
        timeout=20,
        official_only=official_only,
        outages=outages or Outages(MemoryOutages(), "tests"),
        clock=clock or Clock(),
    )
    try:
        yield engine
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ("", ObjectStatus.CLEAN),
        ("Win.Test.EICAR_HDB-1", ObjectStatus.INFECTED),
        ("Sanesecurity.Foxhole.Zip.UNOFFICIAL", ObjectStatus.INFECTED),
        ("Heuristics.Phishing.Email.SpoofedDomain", ObjectStatus.SUSPICIOUS),
        ("PUA.Win.Packer.Upx-1", ObjectStatus.SUSPICIOUS),
        ("Heuristics.Encrypted.PDF", ObjectStatus.PROTECTED),
        ("Heuristics.Limits.Exceeded.MaxScanTime", ObjectStatus.ERROR),
    ],
)
def test_the_name_of_a_finding_says_what_the_object_is(found: str, status: ObjectStatus) -> None:
    result = meaning_of(found)

    assert result.status is status
    assert (found in result.threats) is (status in (ObjectStatus.INFECTED, ObjectStatus.SUSPICIOUS))
    assert (found in result.cause) is (
        status in (ObjectStatus.PROTECTED, ObjectStatus.ERROR, ObjectStatus.CLEAN)
    )


async def test_the_databases_are_of_the_day_that_clamd_states(tmp_path: Path) -> None:
    with ScriptedClamd(tmp_path) as clamd, an_engine(clamd.address) as engine:
        assert engine.bases == Bases(date.min, 0)
        assert await engine.edition() == DATED
        assert engine.bases == Bases(date(2024, 11, 18), 0)


@pytest.mark.parametrize(
    ("version", "official_only"), [(DATED, False), ("ClamAV 1.4.3", True)], ids=["others too", "none stated"]
)
async def test_a_version_that_does_not_tell_all_is_no_edition(
    tmp_path: Path, version: str, official_only: bool
) -> None:
    with (
        ScriptedClamd(tmp_path, versions=[version]) as clamd,
        an_engine(clamd.address, official_only=official_only) as engine,
    ):
        found = await engine.scan(HELLO)

        assert (found.status, found.edition, await engine.edition()) == (ObjectStatus.CLEAN, "", "")


async def test_the_version_is_asked_again_after_a_second(tmp_path: Path) -> None:
    clock = Clock()
    with (
        ScriptedClamd(tmp_path, versions=[DATED, NEWER]) as clamd,
        an_engine(clamd.address, clock) as engine,
    ):
        first = [await engine.edition() for _ in range(3)]
        clock.now += 1.1

        assert first == [DATED] * 3
        assert await engine.edition() == NEWER
        assert clamd.asked == ["nVERSION"] * 2


async def test_what_was_found_while_databases_changed_has_no_edition(tmp_path: Path) -> None:
    with (
        ScriptedClamd(tmp_path, versions=[DATED, NEWER]) as clamd,
        an_engine(clamd.address) as engine,
    ):
        found = await engine.scan(HELLO)

        assert (found.status, found.edition) == (ObjectStatus.CLEAN, "")
        assert clamd.asked == ["nVERSION", "nINSTREAM", "nVERSION"]


async def test_what_clamd_found_clean_is_not_sent_again_until_it_has_new_databases(tmp_path: Path) -> None:
    clock, blobs, message = Clock(), SlowBlobs(), a_message(a_text())
    with (
        ScriptedClamd(tmp_path, replies=["stream: OK", "stream: Worm FOUND"]) as clamd,
        an_engine(clamd.address, clock) as engine,
    ):
        async with an_examiner(remote=[engine], ichecker=tmp_path / "ichecker") as examiner:
            before = [await examiner.examine(blobs.body(message, str(number))) for number in range(3)]
            sent = clamd.asked.count("nINSTREAM")
            clamd.versions = [NEWER]
            clock.now += 1.1
            after = await examiner.examine(blobs.body(message))

    assert [found.objects[0].status for found in before] == [ObjectStatus.CLEAN] * 3
    assert sent == 1
    assert after.objects[0].threats == ("Worm",)


async def test_while_nobody_listens_mail_waits_and_the_operator_is_told(tmp_path: Path) -> None:
    clock, outages = Clock(), Outages(MemoryOutages(), "tests")
    with an_engine(LocalSocket(str(tmp_path / "clamd")), clock, outages=outages) as engine:
        for _ in range(5):
            with pytest.raises(TemporaryFailure, match=r"clamd cannot be asked: .*No such file"):
                await engine.scan(HELLO)
            clock.now += LONGEST_WAIT
        meanwhile = outages.known

        with ScriptedClamd(tmp_path):
            assert (await engine.scan(HELLO)).status is ObjectStatus.CLEAN

    assert [one.subject for one in meanwhile] == [f"clamd at unix:{tmp_path}/clamd"]
    assert "mail waits" in meanwhile[0].reason
    assert outages.known == ()


async def test_a_clamd_that_is_away_is_left_alone_for_a_while(tmp_path: Path) -> None:
    clock = Clock()
    with an_engine(LocalSocket(str(tmp_path / "clamd")), clock) as engine:
        with pytest.raises(TemporaryFailure):
            await engine.scan(HELLO)

        with ScriptedClamd(tmp_path) as clamd:
            clock.now += FIRST_WAIT / 2
            with pytest.raises(TemporaryFailure):
                await engine.scan(HELLO)
            left_alone = not clamd.asked
            clock.now += FIRST_WAIT
            found = await engine.scan(HELLO)

    assert left_alone
    assert found.status is ObjectStatus.CLEAN


async def test_a_port_where_nobody_listens_is_like_a_socket_that_is_not_there() -> None:
    with (
        an_engine(HostPort("127.0.0.1", free_port())) as engine,
        pytest.raises(TemporaryFailure, match="Connection refused"),
    ):
        await engine.scan(HELLO)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("", "it hung up"),
        ("stream: Can't allocate memory ERROR", "Can't allocate memory"),
        ("what?", "what?"),
    ],
)
async def test_a_content_over_which_clamd_breaks_off_time_and_again_is_an_error(
    tmp_path: Path, reply: str, said: str
) -> None:
    with ScriptedClamd(tmp_path, replies=[reply]) as clamd, an_engine(clamd.address) as engine:
        for _ in range(MOST_BREAKS - 1):
            with pytest.raises(TemporaryFailure, match=f"clamd broke off: {said}"):
                await engine.scan(HELLO)
        found = await engine.scan(HELLO)

    assert (found.status, found.edition) == (ObjectStatus.ERROR, "")
    assert found.cause == f"clamd broke off 3 times: {said}"


async def test_breaks_over_other_contents_do_not_count(tmp_path: Path) -> None:
    with ScriptedClamd(tmp_path, replies=[""]) as clamd, an_engine(clamd.address) as engine:
        for number in range(2 * MOST_BREAKS):
            with pytest.raises(TemporaryFailure):
                await engine.scan(Sample(b"%d" % number))


async def test_when_the_service_ends_it_does_not_wait_for_clamd(tmp_path: Path) -> None:
    with ScriptedClamd(tmp_path) as clamd, an_engine(clamd.address) as engine:
        clamd.silent.set()
        scan = asyncio.create_task(engine.scan(HELLO))
        await until(lambda: "nINSTREAM" in clamd.asked)

        engine.close()

        with pytest.raises(TemporaryFailure):
            await scan
