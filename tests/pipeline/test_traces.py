"""Traces: one collector hears of the whole way of a message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.collector import CollectedSpan, Collector
from tests.support.embedded import Embedded, embedded
from tests.support.passage import ENDS_WITHIN
from tests.support.samples import plain, virus_test_file, with_attachment
from tests.support.waiting import until

GROUPS = """
[smtpgw.group:blocking]
Recipients=*@blocking.example
BlockMessage=infected
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture
async def gateway(tmp_path: Path, collector: Collector) -> AsyncIterator[Embedded]:
    settings = {"gateway.traces Endpoint": collector.url, "smtpgw.policy NotifyAdmin": "infected"}
    async with embedded(tmp_path, settings=settings, groups=GROUPS) as running:
        yield running


async def spans_of(collector: Collector, source_id: str, count: int) -> dict[str, CollectedSpan]:
    await until(lambda: len(collector.of_trace_with(source_id)) >= count, within=ENDS_WITHIN)
    return {span.name: span for span in collector.of_trace_with(source_id)}


async def test_one_trace_leads_from_the_client_to_the_next_hop(
    gateway: Embedded, collector: Collector
) -> None:
    await gateway.post(plain("good morning"), "reader@own.example")
    kept = await gateway.ended("reader@own.example")

    spans = await spans_of(collector, kept.source_id, 4)

    assert spans.keys() == {"receiver", "antispam", "scanner", "sender"}
    assert len({span.trace for span in spans.values()}) == 1
    assert [spans[name].parent for name in ("receiver", "antispam", "scanner", "sender")] == [
        b"",
        spans["receiver"].id,
        spans["antispam"].id,
        spans["scanner"].id,
    ]
    assert [spans[name].facts["mailwarden.result"] for name in ("receiver", "antispam", "sender")] == [
        "250 2.1.0",
        "onward",
        "delivered",
    ]
    assert (collector.paths, collector.services) == ({"/v1/traces"}, {"mailwarden"})


async def test_messages_have_traces_of_their_own(gateway: Embedded, collector: Collector) -> None:
    for name in "ab":
        await gateway.post(plain("good morning"), f"{name}@own.example")
    one, other = [await gateway.ended(f"{name}@own.example") for name in "ab"]

    first = await spans_of(collector, one.source_id, 4)
    second = await spans_of(collector, other.source_id, 4)

    assert first["sender"].trace != second["sender"].trace


async def test_a_trace_says_nothing_of_who_writes_what(gateway: Embedded, collector: Collector) -> None:
    await gateway.post(plain("good morning"), "reader@own.example")
    kept = await gateway.ended("reader@own.example")

    spans = await spans_of(collector, kept.source_id, 4)

    for span in spans.values():
        assert span.facts.keys() == {"mailwarden.mail_id", "mailwarden.result"}
        assert span.facts["mailwarden.mail_id"] in (kept.id, kept.source_id)


async def test_blocked_mail_ends_its_trace_where_it_is_blocked(
    gateway: Embedded, collector: Collector
) -> None:
    await gateway.post(with_attachment("x", virus_test_file()), "reader@blocking.example")
    kept = await gateway.ended("reader@blocking.example")

    spans = await spans_of(collector, kept.source_id, 3)

    assert spans["scanner"].facts["mailwarden.result"] == "blocked"
