"""A message that no action touches leaves as it came, with header fields on top and nothing else.

As it came, that is, once it conforms to the standards: the receiver mends what does not, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings

from tests.support.awkward import AWKWARD, messages
from tests.support.embedded import Embedded, embedded
from tests.support.mended import mended
from tests.support.posting import added_on_top

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOUCHES_NOTHING = {
    f"smtpgw.policy Action{status}": "pass"
    for status in ("Disinfected", "Infected", "Suspicious", "Protected", "Error", "Filtered")
} | {"smtpgw.policy ActionSpam": "none"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedded]:
    folder: Path = tmp_path_factory.mktemp("site")
    async with embedded(folder, settings=TOUCHES_NOTHING) as running:
        yield running


@pytest.mark.parametrize("sent", AWKWARD.values(), ids=AWKWARD.keys())
async def test_an_awkward_message_arrives_as_it_was_sent(gateway: Embedded, sent: bytes) -> None:
    received = await gateway.send(sent)

    assert b"Received" in added_on_top(received.body, mended(sent))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=messages())
async def test_any_message_arrives_as_it_was_sent(gateway: Embedded, sent: bytes) -> None:
    received = await gateway.send(sent)

    assert b"Received" in added_on_top(received.body, mended(sent))


async def test_messages_sent_at_once_stay_apart(gateway: Embedded) -> None:
    arrived = await asyncio.gather(*map(gateway.send, AWKWARD.values()))

    for received, sent in zip(arrived, AWKWARD.values(), strict=True):
        added_on_top(received.body, mended(sent))
