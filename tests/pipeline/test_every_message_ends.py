"""Every accepted message ends delivered, blocked, bounced, removed or parked, and the records say which."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.domain.commands import Remove
from gateway.domain.journey import Ending
from gateway.domain.pipeline import Module, QueueState, Stage
from tests.support.embedded import ENDS, HASTY, Embedded, embedded
from tests.support.passage import an_address
from tests.support.posting import added_on_top
from tests.support.samples import plain, virus_test_file, with_attachment
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PARKED = "parked"

GROUPS = """
[smtpgw.group:block]
Recipients=*@block.example
BlockMessage=infected,as/spam
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message, who sends it to whom, what the next hop says of it, and the end of each of its copies."""

    message: bytes
    domain: str
    ending: str
    answer: str = ""
    sender: str = ""


CLEAN = plain("Lunch on Friday?")
LARGE = plain("The photos", (b"0123456789" * 7 + b"\r\n") * 14_000)  # small ones are in no file
SPAM = plain("spam is bad do not send it")
INFECTED = with_attachment("The invoice", virus_test_file())
MIX = (
    Sent(CLEAN, "site.example", Ending.DELIVERED, sender="a@client.example"),
    Sent(INFECTED, "site.example", Ending.DELIVERED),
    Sent(SPAM, "block.example", Ending.BLOCKED),
    Sent(INFECTED, "block.example", Ending.BLOCKED, sender="a@client.example"),
    Sent(CLEAN, "site.example", Ending.BOUNCED, "550 5.1.1 no such user"),
    Sent(CLEAN, "site.example", Ending.BOUNCED, "550 5.1.1 no such user", sender="a@client.example"),
    Sent(CLEAN, "block.example", Ending.DELIVERED, "451 4.7.1 come again"),
)
"""One of each kind."""

TIMES = 8


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedded]:
    async with embedded(tmp_path_factory.mktemp("site"), groups=GROUPS, beyond=HASTY) as running:
        yield running


async def test_each_message_of_a_mixed_load_comes_to_its_end(gateway: Embedded) -> None:
    load = [(an_address(sent.domain), sent) for sent in MIX * TIMES]
    gateway.next_hop.answers |= {f"RCPT TO:<{to}>": sent.answer for to, sent in load if sent.answer}
    replies = await asyncio.gather(*(gateway.post(sent.message, to, sender=sent.sender) for to, sent in load))
    for to, sent in load:
        if sent.answer.startswith("4"):
            await gateway.step(to, "Deferred")
            del gateway.next_hop.answers[f"RCPT TO:<{to}>"]

    assert replies == ["250 2.1.0 OK"] * len(load)
    for to, sent in load:
        kept = await gateway.ended(to)
        assert (to, kept.state) == (to, sent.ending)
        assert len(gateway.arrived(to)) == (sent.ending == Ending.DELIVERED)
        assert len(await gateway.steps(kept.id, "Ended")) == 1
    await _nothing_is_on_its_way(gateway)
    reports = [kept for kept in gateway.kept("a@client.example") if kept.state == Ending.DELIVERED]
    assert len(reports) == TIMES
    expected = Counter(sent.ending for _, sent in load) + Counter(kept.state for kept in reports)
    assert await gateway.gateway.records.counts() == expected


async def test_what_an_operator_removes_is_not_delivered(gateway: Embedded) -> None:
    removed, wanted = an_address(), an_address()
    async with gateway.suspended(Module.SENDER):
        await gateway.post(CLEAN, removed)
        await gateway.post(CLEAN, wanted)
        mail_id = await _queued(gateway, removed)
        await gateway.gateway.records.remove([mail_id])
        await gateway.gateway.bus.tell(Remove((mail_id,)))

    assert (await gateway.ended(wanted)).state == Ending.DELIVERED
    assert (await gateway.ended(removed)).state == Ending.REMOVED
    assert not gateway.arrived(removed)


async def test_a_mail_that_a_fault_stops_is_parked_and_the_next_is_delivered(gateway: Embedded) -> None:
    to = an_address()
    async with gateway.suspended(Module.SENDER):
        await gateway.post(LARGE, to)
        body = _body_of(gateway, await _queued(gateway, to))
        lost = body.read_bytes()
        body.unlink()
    await gateway.send(CLEAN)

    kept = await gateway.ended(to)
    parked = await _parked(gateway)
    assert kept.state == PARKED
    assert [(mail_id, stage) for mail_id, stage, _ in parked] == [(kept.id, Stage.SENDER)]

    body.write_bytes(lost)
    async with gateway.gateway.bus.parked() as all_parked:
        async for one in all_parked:
            await one.retry()
    added_on_top((await gateway.arrival(to)).body, LARGE)
    await until(lambda: [kept.state for kept in gateway.kept(to)] == [Ending.DELIVERED])


async def _queued(gateway: Embedded, to: str) -> str:
    """The id of the mail to that recipient, when it waits to be sent."""
    await until(lambda: [kept.state for kept in gateway.kept(to)] == [QueueState.QUE])
    [kept] = gateway.kept(to)
    return kept.id


def _body_of(gateway: Embedded, mail_id: str) -> Path:
    [body] = (gateway.site.folder / "queue" / "bodies").rglob(f"*-{mail_id}*")
    return body


async def _parked(gateway: Embedded) -> Sequence[tuple[str, Stage | None, str]]:
    async with gateway.gateway.bus.parked() as all_parked:
        return [(one.mail.id, one.stage, one.reason) async for one in all_parked if one.mail]


async def _nothing_is_on_its_way(gateway: Embedded) -> None:
    await until(lambda: all(kept.state in ENDS for kept in gateway.kept()))
    assert not [record async for record in gateway.gateway.records.queue()]
    assert not any((await gateway.gateway.bus.depth()).values())
