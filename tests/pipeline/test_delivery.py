"""What becomes of mail that the next hop does not take at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from email import message_from_bytes

import httpx
import pytest
import pytest_asyncio

from gateway.domain.journey import Answer, Ending
from services.api.tokens import Role, line_of, new_token
from tests.support.embedded import HASTY, Embedded, embedded
from tests.support.passage import an_address
from tests.support.ports import free_port
from tests.support.posting import added_on_top
from tests.support.samples import plain
from tests.support.smtp_peer import HANG_UP, smtp_peer

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENT = plain("Lunch on Friday?")
TOKEN = new_token()
DOWN = free_port()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedded]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "tokens").write_text(line_of("tests", Role.VIEWER, TOKEN) + "\n")
    async with embedded(folder, routes=[f"*@down.example [127.0.0.1:{DOWN}]"], beyond=HASTY) as running:
        yield running


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("MAIL FROM:<{sender}>", "451 4.3.0 not now"),
        ("RCPT TO:<{to}>", "451 4.7.1 greylisted, come again"),
        ("RCPT TO:<{to}>", HANG_UP),
    ],
    ids=["MAIL", "RCPT", "it hangs up"],
)
async def test_what_is_refused_for_now_is_delivered_once_later(
    gateway: Embedded, command: str, answer: str
) -> None:
    sender, to = an_address("client.example"), an_address()
    refused = command.format(sender=sender, to=to)
    gateway.next_hop.answers[refused] = answer
    await gateway.post(SENT, to, sender=sender)
    await gateway.step(to, "Deferred")
    del gateway.next_hop.answers[refused]

    received = await gateway.arrival(to)
    kept = await gateway.ended(to)
    tried = await gateway.step(to, "Tried")
    added_on_top(received.body, SENT)
    assert kept.state == Ending.DELIVERED
    assert _answers(tried) == {to: Answer.LATER}


async def test_a_message_that_is_refused_at_its_end_for_now_is_delivered_once_later(
    gateway: Embedded,
) -> None:
    to = an_address("down.example")
    async with smtp_peer(port=DOWN) as next_hop:
        next_hop.answers["."] = "452 4.3.1 no room"
        await gateway.post(SENT, to)
        await gateway.step(to, "Deferred")
        next_hop.answers.clear()

        assert (await gateway.ended(to)).state == Ending.DELIVERED
        assert len(next_hop.received) == 1


async def test_mail_for_a_next_hop_that_is_down_is_delivered_when_it_is_back(gateway: Embedded) -> None:
    to = an_address("down.example")
    await gateway.post(SENT, to)
    await gateway.step(to, "Deferred")
    async with smtp_peer(port=DOWN) as next_hop:
        kept = await gateway.ended(to)

        [received] = next_hop.received
        added_on_top(received.body, SENT)
        assert kept.state == Ending.DELIVERED


async def test_mail_for_others_passes_what_waits_for_a_next_hop_that_is_down(gateway: Embedded) -> None:
    waiting, passing = an_address("down.example"), an_address()
    await gateway.post(SENT, waiting, passing)

    await gateway.arrival(passing)
    await gateway.step(waiting, "Deferred")
    async with smtp_peer(port=DOWN) as next_hop:
        await gateway.ended(waiting)
        assert [len(taken.rcpt_to) for taken in next_hop.received] == [1]
    assert len(gateway.arrived(passing)) == 1


async def test_a_refusal_for_good_is_told_to_the_sender(gateway: Embedded) -> None:
    sender, to = an_address("client.example"), an_address()
    gateway.next_hop.answers[f"RCPT TO:<{to}>"] = "550 5.1.1 no such user here"
    await gateway.post(SENT, to, sender=sender)

    report = await gateway.arrival(sender)
    kept = await gateway.ended(to)
    assert report.mail_from.startswith("MAIL FROM:<>")
    assert _told(report.body) == {to: ("failed", "5.1.1")}
    assert b"no such user here" in report.body
    assert kept.state == Ending.BOUNCED
    assert not gateway.arrived(to)


async def test_mail_that_nobody_sent_is_refused_without_a_report(gateway: Embedded) -> None:
    to = an_address()
    gateway.next_hop.answers[f"RCPT TO:<{to}>"] = "550 5.1.1 no such user here"
    before = len(gateway.kept())
    await gateway.post(SENT, to, sender="")

    kept = await gateway.ended(to)
    assert kept.state == Ending.BOUNCED
    assert len(gateway.kept()) == before + 1


async def test_a_report_that_is_refused_is_not_reported(gateway: Embedded) -> None:
    sender, to = an_address("client.example"), an_address()
    for address in (sender, to):
        gateway.next_hop.answers[f"RCPT TO:<{address}>"] = "550 5.1.1 no such user here"
    before = len(gateway.kept())
    await gateway.post(SENT, to, sender=sender)

    assert (await gateway.ended(to)).state == Ending.BOUNCED
    assert (await gateway.ended(sender)).state == Ending.BOUNCED
    assert len(gateway.kept()) == before + 2


async def test_each_of_several_recipients_has_his_own_fate(gateway: Embedded) -> None:
    sender = an_address("client.example")
    taken, refused, later = an_address(), an_address(), an_address()
    gateway.next_hop.answers[f"RCPT TO:<{refused}>"] = "550 5.1.1 no such user here"
    gateway.next_hop.answers[f"RCPT TO:<{later}>"] = "450 4.2.1 mailbox busy"
    await gateway.post(SENT, taken, refused, later, sender=sender)
    await gateway.step(later, "Deferred")
    del gateway.next_hop.answers[f"RCPT TO:<{later}>"]
    await gateway.arrival(later)

    kept = await gateway.ended(taken)
    report = await gateway.arrival(sender)
    assert kept.state == Ending.BOUNCED  # as the worst of its recipients
    assert _told(report.body) == {refused: ("failed", "5.1.1")}
    assert [len(gateway.arrived(address)) for address in (taken, refused, later)] == [1, 0, 1]


async def test_the_journey_of_a_mail_can_be_read_by_a_holder_of_a_token(gateway: Embedded) -> None:
    to = an_address()
    gateway.next_hop.answers[f"RCPT TO:<{to}>"] = "451 4.7.1 greylisted, come again"
    await gateway.post(SENT, to, sender="reader@client.example")
    await gateway.step(to, "Deferred")
    del gateway.next_hop.answers[f"RCPT TO:<{to}>"]
    kept = await gateway.ended(to)

    async with httpx.AsyncClient(base_url=f"http://{gateway.gateway.settings.api.listen}") as client:
        refused = await client.get(f"/v1/messages/{kept.id}")
        answered = await client.get(f"/v1/messages/{kept.id}", headers={"Authorization": f"Bearer {TOKEN}"})
    journey = answered.json()
    kinds = [step["kind"] for step in journey["steps"] if step["kind"] != "Moved"]
    assert refused.status_code == 401
    assert (journey["mail"]["sender"], journey["mail"]["state"]) == ("reader@client.example", "delivered")
    assert kinds == ["Entered", "Analysed", "Scanned", "Tried", "Deferred", "Tried", "Ended"]
    assert "greylisted, come again" in answered.text


async def test_when_the_time_of_a_mail_is_over_its_sender_is_told(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    three_seconds = 3 / 86400
    impatient = {**HASTY, "timeouts": {**HASTY["timeouts"], "maximal_queue_lifetime": three_seconds}}
    async with embedded(tmp_path_factory.mktemp("impatient"), beyond=impatient) as gateway:
        sender, to = an_address("client.example"), an_address()
        gateway.next_hop.answers[f"RCPT TO:<{to}>"] = "451 4.7.1 come again"
        await gateway.post(SENT, to, sender=sender)

        report = await gateway.arrival(sender)
        kept = await gateway.ended(to)
        tries = await gateway.steps(kept.id, "Tried")
        assert [action for action, _ in _told(report.body).values()] == ["failed"]
        assert kept.state == Ending.BOUNCED
        assert len(tries) > 1


def _answers(tried: Mapping[str, object]) -> dict[str, str]:
    """What was said of each recipient at one try."""
    replies = tried["replies"]
    assert isinstance(replies, list)
    return {reply["address"]: reply["answer"] for reply in replies}


def _told(report: bytes) -> dict[str, tuple[str, str]]:
    """What a delivery status notification says: recipient → action and status."""
    message = message_from_bytes(report)
    assert message.get_content_type() == "multipart/report"
    blocks = [part for part in message.walk() if part["Final-Recipient"]]
    return {
        block["Final-Recipient"].partition("; ")[2]: (block["Action"], block["Status"]) for block in blocks
    }
