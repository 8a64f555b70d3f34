"""The queue in the hands of an operator, by the command that he types (manual, chapter 6.7)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cli.listing import HEADING
from gateway.domain.journey import Ending
from gateway.domain.pipeline import Module
from gateway.runtime.ids import new_id
from tests.support.embedded import Embedded, embedded
from tests.support.klmailq import klmailq, klmailq_process
from tests.support.passage import an_address
from tests.support.ports import free_port
from tests.support.samples import plain
from tests.support.smtp_peer import smtp_peer

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENT = plain("Lunch on Friday?")
DOWN = free_port()
DATE = r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedded]:
    routes = [f"*@down.example [127.0.0.1:{DOWN}]"]
    async with embedded(tmp_path_factory.mktemp("site"), routes=routes) as running:
        yield running


async def deferred(gateway: Embedded, domain: str, sender: str = "from@client.example") -> tuple[str, str]:
    """A mail that waits for half an hour: its recipient, and its id."""
    to = an_address(domain)
    gateway.next_hop.answers[f"RCPT TO:<{to}>"] = "451 4.7.1 greylisted, come again"
    await gateway.post(SENT, to, sender=sender)
    await gateway.step(to, "Deferred")
    del gateway.next_hop.answers[f"RCPT TO:<{to}>"]
    [kept] = gateway.kept(to)
    return to, kept.id


async def test_the_queue_is_listed_in_the_lines_of_the_manual(gateway: Embedded) -> None:
    first, first_id = await deferred(gateway, "listed.example")
    second, second_id = await deferred(gateway, "listed.example", sender="")

    ran = await klmailq_process(gateway.site, "--show-all", "--destination=listed.example")

    heading, *lines, total = ran.lines
    assert heading == HEADING
    assert len(lines) == 2
    line = rf"{first_id} QUE (\d+) {DATE} 127\.0\.0\.1 <from@client\.example> -> <{first}>"
    assert (found := re.fullmatch(line, lines[0]))
    assert re.fullmatch(rf"{second_id} QUE \d+ {DATE} 127\.0\.0\.1 <> -> <{second}>", lines[1])
    assert total == f"Total: 2 queued messages, {2 * int(found[1])} bytes."
    assert (ran.code, ran.complaints) == (0, "")


async def test_only_what_is_meant_is_listed(gateway: Embedded) -> None:
    to, mail_id = await deferred(gateway, "meant.example", sender="")
    await deferred(gateway, "meant.example")
    said = (
        "--sender=<>",
        f"--recipient={to[:2]}*",
        "--status=que",
        "--newer-than=1h",
        "--destination=meant.*",
    )

    shown = await klmailq(gateway.site, "-s", *said)
    none = await klmailq(gateway.site, "-s", *said, "--older-than", "1h")

    assert [line.split()[0] for line in shown.lines[1:-1]] == [mail_id]
    assert none.lines == [HEADING, "Total: 0 queued messages, 0 bytes."]


async def test_one_message_is_shown_with_what_was_said_of_it(gateway: Embedded) -> None:
    to, mail_id = await deferred(gateway, "one.example")

    ran = await klmailq(gateway.site, f"--show-id={mail_id}")

    assert ran.code == 0
    assert ran.lines[0] == HEADING
    assert ran.lines[1].startswith(f"{mail_id} QUE ")
    facts = dict(line.split(": ", 1) for line in ran.lines[2:])
    assert facts["Tries"] == "1"
    assert re.fullmatch(DATE, facts["Next try"])
    assert facts[f"<{to}>"] == "later 127.0.0.1 [127.0.0.1] 451 4.7.1 greylisted, come again"


async def test_a_message_that_waits_is_sent_at_once_when_the_operator_wants_it(gateway: Embedded) -> None:
    to, mail_id = await deferred(gateway, "hurried.example")

    ran = await klmailq(gateway.site, f"--send-id={mail_id}")

    assert ran.lines == [f"Message with QueueID {mail_id} will be sent asap."]
    assert (ran.code, ran.complaints) == (0, "")
    await gateway.arrival(to)
    assert (await gateway.ended(to)).state == Ending.DELIVERED


async def test_mail_for_a_next_hop_that_was_down_is_sent_as_soon_as_an_operator_knows_it_is_back(
    gateway: Embedded,
) -> None:
    to = an_address("down.example")
    await gateway.post(SENT, to)
    await gateway.step(to, "Deferred")
    [kept] = gateway.kept(to)
    async with smtp_peer(port=DOWN) as next_hop:
        await klmailq(gateway.site, "-o", kept.id)

        assert (await gateway.ended(to)).state == Ending.DELIVERED
        assert len(next_hop.received) == 1


async def test_all_that_is_meant_is_sent_at_once(gateway: Embedded) -> None:
    hurried = [await deferred(gateway, "crowd.example") for _ in range(3)]
    other, _ = await deferred(gateway, "patient.example")

    ran = await klmailq(gateway.site, "--send-all", "--destination=crowd.example")

    assert ran.lines == ["Total: 3 queued messages will be sent asap."]
    for to, _ in hurried:
        await gateway.arrival(to)
    assert not gateway.arrived(other)


async def test_what_is_refused_again_waits_again_and_can_be_sent_again(gateway: Embedded) -> None:
    to, mail_id = await deferred(gateway, "stubborn.example")
    gateway.next_hop.answers[f"RCPT TO:<{to}>"] = "451 4.7.1 greylisted, come again"
    await klmailq(gateway.site, "-o", mail_id)
    await gateway.steps_become(mail_id, "Deferred", 2)
    del gateway.next_hop.answers[f"RCPT TO:<{to}>"]

    ran = await klmailq(gateway.site, "-o", mail_id)

    assert ran.code == 0
    await gateway.arrival(to)
    assert (await gateway.ended(to)).state == Ending.DELIVERED


async def test_a_message_that_was_removed_is_gone_at_once_and_never_sent(gateway: Embedded) -> None:
    to, mail_id = await deferred(gateway, "gone.example")

    removed = await klmailq(gateway.site, f"--remove-id={mail_id}")
    listed = await klmailq(gateway.site, "-s", "--destination=gone.example")
    again = await klmailq(gateway.site, "-d", mail_id)
    hurried = await klmailq(gateway.site, "-o", mail_id)

    assert (removed.code, removed.lines) == (0, [f"Message with QueueID {mail_id} has been removed."])
    assert listed.lines == [HEADING, "Total: 0 queued messages, 0 bytes."]
    for refused in (again, hurried):
        assert (refused.code, refused.lines) == (4, [])
        assert f"{mail_id} is not in the queue any more: removed" in refused.complaints
    assert not gateway.arrived(to)


async def test_all_that_is_meant_is_removed_also_what_is_ready_to_be_sent(gateway: Embedded) -> None:
    ready, kept = an_address("removed.example"), an_address("kept.example")
    waiting, _ = await deferred(gateway, "removed.example")
    async with gateway.suspended(Module.SENDER):
        for to in (ready, kept):
            await gateway.post(SENT, to)
            await gateway.state_becomes(to, "QUE")
        ran = await klmailq(gateway.site, "--remove-all", "--destination=removed.example")

    assert (ran.code, ran.lines) == (0, ["Total: 2 queued messages have been removed."])
    await gateway.arrival(kept)
    assert (await gateway.ended(ready)).state == Ending.REMOVED
    assert not gateway.arrived(ready)
    assert not gateway.arrived(waiting)


async def test_while_the_sender_is_suspended_nothing_is_sent_early_and_the_operator_is_told(
    gateway: Embedded,
) -> None:
    to, mail_id = await deferred(gateway, "still.example")
    async with gateway.suspended(Module.SENDER):
        ran = await klmailq(gateway.site, "-o", mail_id)
        assert not gateway.arrived(to)

    assert ran.lines == [f"Message with QueueID {mail_id} will be sent asap."]
    assert "the sender is suspended" in ran.complaints
    await gateway.arrival(to)


@pytest.mark.parametrize("option", ["-i", "-d", "-o"])
async def test_a_message_that_nobody_knows_is_told(gateway: Embedded, option: str) -> None:
    unknown = new_id()

    ran = await klmailq(gateway.site, option, unknown)

    assert (ran.code, ran.lines) == (4, [])
    assert ran.complaints == f"klmailq: Message with QueueID {unknown} is not known.\n"
