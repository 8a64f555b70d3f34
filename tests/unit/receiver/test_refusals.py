"""What is refused is counted by its reason, and logged with what the client had said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.statistics import Counter
from services.receiver import replies
from services.receiver.refusals import REASONS, counters_of, refuses
from services.receiver.replies import Reply
from services.receiver.rules import Rules
from tests.support.receiving import RULES, Running, receiving
from tests.support.smtp_client import RawClient, greeted

BEGINNING = b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@own.example>\r\nDATA\r\n"


def with_limits(**limits: int) -> Rules:
    return replace(RULES, limits=replace(RULES.limits, **limits))


async def send(client: RawClient, message: bytes) -> str:
    """The reply to a message."""
    await client.send(BEGINNING + message + b".\r\n")
    return (await client.replies(4))[-1]


def counted(running: Running) -> dict[str, int]:
    """What was counted of refusals."""
    return {name: value for name, value in running.records.counted.items() if "refused" in name}


@pytest.mark.parametrize("reply", REASONS, ids=lambda reply: reply.text)
def test_whatever_is_counted_by_its_reason_is_counted_in_all_too(reply: Reply) -> None:
    assert refuses(reply)
    assert counters_of(reply, Counter.RECEIVINGS_REFUSED) == (Counter.RECEIVINGS_REFUSED, REASONS[reply])


@pytest.mark.parametrize(
    "reply", [replies.OK, replies.SENDER_FIRST, replies.MAIL_SYNTAX, replies.START_MAIL_INPUT]
)
def test_slips_of_the_protocol_refuse_no_mail(reply: Reply) -> None:
    assert not refuses(reply)


MESSAGES = {
    "size": (with_limits(message_size=20), b"Subject: 0123456789\r\n\r\n", Counter.REFUSED_FOR_MESSAGE_SIZE),
    "hops": (with_limits(hops=0), b"Received: x\r\n\r\n", Counter.REFUSED_FOR_HOPS),
}


@pytest.mark.parametrize(("rules", "message", "reason"), MESSAGES.values(), ids=MESSAGES)
async def test_a_refused_message_is_counted_by_its_reason(
    rules: Rules, message: bytes, reason: Counter
) -> None:
    async with receiving(rules) as running, greeted(running.port) as client:
        assert (await send(client, message))[:1] == "5"

        assert counted(running) == {Counter.RECEIVINGS_REFUSED: 1, reason: 1}


async def test_the_limits_of_a_session_are_counted_each_for_itself() -> None:
    rules = with_limits(messages_per_session=1)
    async with receiving(rules) as running, greeted(running.port) as client:
        await send(client, b"\r\n")
        await client.say("MAIL FROM:<a@client.example>")
        assert counted(running)[Counter.REFUSED_FOR_MESSAGES_PER_SESSION] == 1

    async with receiving(with_limits(session_size=3)) as running, greeted(running.port) as client:
        await send(client, b"\r\n")
        await send(client, b"\r\n")
        assert counted(running)[Counter.REFUSED_FOR_SESSION_SIZE] == 1


async def test_a_refusal_is_logged_with_what_the_client_had_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "gateway.mail")
    async with receiving(with_limits(recipients=1)) as running, greeted(running.port) as client:
        await client.say("MAIL FROM:<no address>")
        await client.say("MAIL FROM:<a@client.example>")
        await client.say("RCPT TO:<b@own.example>")
        await client.say("RCPT TO:<c@own.example>")

    assert caplog.messages == [
        "REFUSED, from=<no address>, client=[127.0.0.1], helo=<client.example>,"
        ' reason="501 5.1.7 this sender address is not valid", rule=""',
        "REFUSED, from=<a@client.example>, rcpt=<c@own.example>, client=[127.0.0.1], helo=<client.example>,"
        ' reason="452 4.5.3 too many recipients, send the message again to the rest", rule=""',
    ]


async def test_what_is_accepted_is_counted_and_what_had_to_be_mended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", "gateway.mail")
    async with receiving() as running, greeted(running.port) as client:
        await client.send(b"MAIL FROM:<>\r\nRCPT TO:<b@own.example>\r\nRCPT TO:<c@own.example>\r\nDATA\r\n")
        await client.send(b"Subject: x\r\n\r\n\r\n.\r\n")
        await client.replies(5)
        await send(client, b"text\r\n")

        expected = {
            Counter.RECEIVED_MESSAGES: 2,
            Counter.RECEIVED_BYTES: 16 + 8,
            Counter.RECEIVED_RECIPIENTS: 3,
            Counter.MALFORMED_MESSAGES: 1,
        }
        assert {name: running.records.counted[name] for name in expected} == expected
        assert 'MENDED, defects="no empty line behind the header"' in caplog.messages
