from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest

from gateway.bases.library import Library
from gateway.domain.policy import ObjectStatus
from services.scanner.engines.port import Bases, NeedsIsolation, Sample
from services.scanner.engines.signatures import SignatureEngine
from services.scanner.examination import LIGHT, Examination
from services.scanner.signatures.signatures import SHIPPED, Signatures, load_signatures
from tests.support.bases import MADE_AT
from tests.support.looking import SlowBlobs, an_examiner
from tests.support.parts import a_message, an_attachment
from tests.support.signatures import a_rule, signatures_in_use

WORM = a_rule('"worm"', threat="Worm.A")
BUG = a_rule('"bug"', threat="Bug.B")
ENDLESS = a_rule(
    condition="for any i in (0..filesize) : (for any j in (0..filesize) : (uint8(i) + uint8(j) == 300))",
    threat="Slow",
)
SMALL, LARGE = b"a bug and a worm", b" " * LIGHT + b"a bug and a worm"

Look = Callable[[bytes], Awaitable[Examination]]


async def a_library(folder: Path) -> Library[Signatures]:
    library = Library(folder / "av", SHIPPED, load_signatures)
    await library.open()
    return library


@asynccontextmanager
async def looking(library: Library[Signatures], timeout: float = 60.0) -> AsyncIterator[Look]:
    blobs = SlowBlobs()
    async with an_examiner(SignatureEngine(library), timeout=timeout) as examiner:
        yield lambda content: examiner.examine(blobs.body(a_message(an_attachment(content, "a.bin"))))


def threats(found: Examination) -> tuple[str, ...]:
    (one,) = found.objects
    return one.threats


async def test_what_is_known_is_known_on_the_spot_and_in_isolation(tmp_path: Path) -> None:
    source = signatures_in_use(tmp_path / "av", WORM, contents={LARGE: "Known"})
    engine = SignatureEngine(await a_library(tmp_path))
    for knowledge in (engine.at_hand, engine.knowledge):
        assert knowledge.judge(Sample(SMALL)).threats == ("Worm.A",)
        assert knowledge.judge(Sample(LARGE)).threats == ("Known",)
        assert knowledge.judge(Sample(b"")).status is ObjectStatus.CLEAN
        assert knowledge.edition == source.manifest.version


async def test_rules_that_take_contents_apart_are_for_isolation_alone(tmp_path: Path) -> None:
    rule = a_rule(condition="math.entropy(0, filesize) < 1", threat="M")
    signatures_in_use(tmp_path / "av", 'import "math"\n', rule)
    engine = SignatureEngine(await a_library(tmp_path))

    with pytest.raises(NeedsIsolation):
        engine.at_hand.judge(Sample(b"aaaa"))
    assert engine.knowledge.judge(Sample(b"aaaa")).threats == ("M",)


async def test_what_lasts_on_the_spot_is_for_isolation(tmp_path: Path) -> None:
    signatures_in_use(tmp_path / "av", ENDLESS)
    engine = SignatureEngine(await a_library(tmp_path))

    with pytest.raises(NeedsIsolation):
        engine.at_hand.judge(Sample(b"a" * 100_000))


async def test_what_lasts_in_isolation_is_an_error(tmp_path: Path) -> None:
    signatures_in_use(tmp_path / "av", ENDLESS)
    async with looking(await a_library(tmp_path), timeout=0.5) as look:
        (found,) = (await look(b"a" * 100_000)).objects

    assert (found.status, found.cause) == (ObjectStatus.ERROR, "scan timed out")


async def test_a_set_that_is_switched_to_is_used_at_once_on_the_spot_and_in_isolation(tmp_path: Path) -> None:
    signatures_in_use(tmp_path / "av", WORM)
    library = await a_library(tmp_path)
    async with looking(library) as look:
        before = [threats(await look(content)) for content in (SMALL, LARGE)]
        signatures_in_use(tmp_path / "av", WORM, BUG, made_at=MADE_AT + timedelta(days=1))
        assert await library.look()
        after = [threats(await look(content)) for content in (SMALL, LARGE)]

    assert before == [("Worm.A",)] * 2
    assert after == [("Worm.A", "Bug.B")] * 2
    assert SignatureEngine(library).bases == Bases(date(2026, 3, 2), 2)


async def test_without_databases_of_their_own_the_shipped_ones_are_at_work(tmp_path: Path) -> None:
    engine = SignatureEngine(await a_library(tmp_path))

    for knowledge in (engine.at_hand, engine.knowledge):
        found = knowledge.judge(Sample(b"any", "invoice.pdf.exe"))
        assert (found.status, found.threats) == (ObjectStatus.SUSPICIOUS, ("Disguise.DoubleExtension",))
