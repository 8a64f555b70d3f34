"""A real clamd from Debian with a small database of the tests, and the shipped configuration."""

from __future__ import annotations

import asyncio
import gzip
import io
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gateway.domain.errors import TemporaryFailure
from gateway.domain.policy import ObjectStatus
from gateway.runtime.outages import Outages
from services.scanner.engines.clamd import ClamdEngine
from services.scanner.engines.clamdhealth import FIRST_WAIT
from services.scanner.engines.port import Sample
from tests.support.clamd import WORM, WORM_NAME, PrivateClamd
from tests.support.records import MemoryOutages

pytestmark = pytest.mark.xdist_group("clamd")

CLEAN, INFECTED, PROTECTED, ERROR = (
    ObjectStatus.CLEAN,
    ObjectStatus.INFECTED,
    ObjectStatus.PROTECTED,
    ObjectStatus.ERROR,
)
SMALL = {"StreamMaxLength": "1M", "MaxFileSize": "100K", "MaxScanSize": "250K", "MaxFiles": "50"}


@pytest.fixture(scope="module", params=["socket", "port"])
def clamd(request: pytest.FixtureRequest) -> Iterator[PrivateClamd]:
    with PrivateClamd(on_port=request.param == "port", **SMALL) as private:
        yield private


@contextmanager
def asking(
    clamd: PrivateClamd, *, timeout: float = 60.0, clock: Callable[[], float] = time.monotonic
) -> Iterator[ClamdEngine]:
    engine = ClamdEngine(
        clamd.address,
        sessions=4,
        timeout=timeout,
        official_only=False,
        outages=Outages(MemoryOutages(), "tests"),
        clock=clock,
    )
    try:
        yield engine
    finally:
        engine.close()


def a_zip(*contents: bytes, encrypted: bool = False) -> bytes:
    """An archive of files; an encrypted one says so of its first, and nobody can know better."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.txt", content)
    raw = bytearray(made.getvalue())
    if encrypted:
        raw[6] |= 1  # APPNOTE 4.4.4, bit 0, in the local header and in the directory
        raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"nothing to see", CLEAN, ""),
        (b"", CLEAN, ""),
        (b"here is " + WORM, INFECTED, WORM_NAME),
        (a_zip(b"here is " + WORM), INFECTED, WORM_NAME),
        (a_zip(b"secret", encrypted=True), PROTECTED, "clamd: Heuristics.Encrypted.Zip"),
        (b"x" * 200_000, ERROR, "clamd: Heuristics.Limits.Exceeded.MaxFileSize"),
        (gzip.compress(b"x" * 200_000), ERROR, "clamd: Heuristics.Limits.Exceeded.MaxFileSize"),
        (
            a_zip(*[b"x%d" % number * 40_000 for number in range(9)]),
            ERROR,
            "clamd: Heuristics.Limits.Exceeded.MaxScanSize",
        ),
        (
            a_zip(*[b"%d" % number for number in range(99)]),
            ERROR,
            "clamd: Heuristics.Limits.Exceeded.MaxFiles",
        ),
    ],
    ids=[
        "clean",
        "empty",
        "found",
        "found inside",
        "encrypted",
        "large",
        "large inside",
        "much inside",
        "many inside",
    ],
)
async def test_what_clamd_says_is_what_the_object_is(
    clamd: PrivateClamd, content: bytes, status: ObjectStatus, said: str
) -> None:
    with asking(clamd) as engine:
        result = await engine.scan(Sample(content))

    assert (result.status, "".join((*result.threats, result.cause))) == (status, said)


async def test_more_than_clamd_takes_at_all_is_an_error(clamd: PrivateClamd) -> None:
    """Over TCP its refusal may be lost, and then it is the third break that counts."""
    with asking(clamd) as engine:
        for _ in range(3):
            try:
                result = await engine.scan(Sample(b"x" * 5_000_000))
                break
            except TemporaryFailure:
                continue

    assert result.status is ERROR
    assert result.cause.startswith(("clamd: larger than its StreamMaxLength", "clamd broke off 3 times"))


async def test_many_ask_at_once_and_each_gets_the_answer_to_its_own_question(clamd: PrivateClamd) -> None:
    contents = [b"%d " % number + (WORM if number % 3 else b"") for number in range(60)]
    with asking(clamd) as engine:
        results = await asyncio.gather(*(engine.scan(Sample(content)) for content in contents))

    assert [result.status for result in results] == [
        INFECTED if number % 3 else CLEAN for number in range(60)
    ]


async def test_a_clamd_that_is_restarted_during_a_scan_is_asked_again(clamd: PrivateClamd) -> None:
    now = [100.0]
    with asking(clamd, clock=lambda: now[0]) as engine:
        assert (await engine.scan(Sample(b"before"))).status is CLEAN
        clamd.freeze()
        scan = asyncio.create_task(engine.scan(Sample(b"here is " + WORM)))
        await asyncio.sleep(0)  # the question is on its way
        clamd.kill()

        with pytest.raises(TemporaryFailure):
            await scan
        with pytest.raises(TemporaryFailure, match="clamd cannot be asked"):
            await engine.scan(Sample(b"meanwhile"))

        clamd.start()
        now[0] += FIRST_WAIT
        assert (await engine.scan(Sample(b"here is " + WORM))).threats == (WORM_NAME,)


async def test_a_clamd_that_hangs_is_away_and_nothing_passes(clamd: PrivateClamd) -> None:
    with asking(clamd, timeout=0.3) as engine:
        clamd.freeze()
        try:
            with pytest.raises(TemporaryFailure, match="clamd cannot be asked"):
                await engine.scan(Sample(b"here is " + WORM))
        finally:
            clamd.thaw()
