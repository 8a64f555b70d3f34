"""A real Postfix behind the gateway: as the next hop, and as the server that our reports go to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from email import message_from_bytes
from email.message import Message

import pytest
import pytest_asyncio

from gateway.domain.journey import Ending
from tests.support.embedded import HASTY, Embedded, embedded
from tests.support.postfix import Postfix, mailboxes, private_postfix
from tests.support.samples import plain
from tests.support.smtp_client import connected
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

USERS = {
    "bob@site.example": "bob",
    "later@site.example": "later",
    "asks@site.example": "asks",
    "bób@site.example": "utf8",
    **{f"sender{number}@client.example": f"sender{number}" for number in range(6)},
}
LARGEST = 200_000


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    come_again = "inline:{ { later@site.example = 451 4.7.1 come again } }"
    parameters = {
        **mailboxes(USERS, "site.example", "client.example"),
        "smtpd_recipient_restrictions": f"check_recipient_access {come_again}, permit_mynetworks, reject",
        "message_size_limit": str(LARGEST),
    }
    with private_postfix(parameters) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory, postfix: Postfix) -> AsyncIterator[Embedded]:
    a_few_seconds = {**HASTY["timeouts"], "maximal_queue_lifetime": 6 / 86400}
    beyond = {**HASTY, "timeouts": a_few_seconds, "dsn": {"delay_after": 0.001}}
    routes = [f"*@*.example [127.0.0.1:{postfix.port}]"]
    async with embedded(tmp_path_factory.mktemp("site"), routes=routes, beyond=beyond) as running:
        yield running


async def send(gateway: Embedded, mail: str, *rcpts: str, message: bytes) -> None:
    """Send a message with these parameters behind MAIL and RCPT."""
    async with connected(gateway.site.smtp_port) as client:
        await client.reply()
        for command in (
            "EHLO client.example",
            f"MAIL FROM:{mail}",
            *(f"RCPT TO:{to}" for to in rcpts),
            "DATA",
        ):
            reply = await client.say(command)
            assert reply[:1] in "23", reply
        await client.send(message + b".\r\n")
        assert (await client.reply())[:3] == "250"


async def in_mailbox(postfix: Postfix, user: str, part: bytes) -> bytes:
    """The one message to a user that has that in it, when Postfix has delivered it."""
    await until(lambda: any(part in message for message in postfix.mailbox(user)))
    [message] = [message for message in postfix.mailbox(user) if part in message]
    return message


def about(report: bytes) -> dict[str, tuple[str, str]]:
    """Of each recipient in a report, action and status."""
    blocks = [part for part in message_from_bytes(report).walk() if part["Final-Recipient"]]
    return {
        block["Final-Recipient"].partition("; ")[2]: (block["Action"], block["Status"]) for block in blocks
    }


def returned(report: bytes) -> Message:
    """The last part of a report."""
    *_, last = (part for part in message_from_bytes(report).get_payload() if isinstance(part, Message))
    return last


async def test_a_message_arrives_byte_for_byte(gateway: Embedded, postfix: Postfix) -> None:
    body = b".dots\r\n..\r\n" + b"x" * 900 + b"\r\n" + "Grüße\r\n".encode()
    sent = plain("plain passage", body)
    await gateway.post(sent, "bob@site.example", sender="sender0@client.example")

    arrived = await in_mailbox(postfix, "bob", b"plain passage")
    assert arrived.replace(b"\n", b"\r\n").endswith(sent)


async def test_who_is_unknown_there_is_reported_and_the_others_get_it(
    gateway: Embedded, postfix: Postfix
) -> None:
    message = plain("to some")
    await send(
        *(
            gateway,
            "<sender1@client.example> ENVID=QQ314 RET=HDRS",
            "<nobody@site.example> ORCPT=rfc822;No+2BBody@old.example",
        ),
        "<bob@site.example>",
        message=message,
    )

    await in_mailbox(postfix, "bob", b"to some")
    report = await in_mailbox(postfix, "sender1", b"Final-Recipient")
    assert about(report) == {"nobody@site.example": ("failed", "5.1.1")}
    assert b"Original-Recipient: rfc822; No+Body@old.example" in report
    assert b"Original-Envelope-Id: QQ314" in report
    assert b"Return-Path: <>" in report
    assert returned(report).get_content_type() == "text/rfc822-headers"


async def test_a_message_that_is_too_large_for_it_is_reported(gateway: Embedded, postfix: Postfix) -> None:
    large = plain("too large", b"0123456789\r\n" * (LARGEST // 10))
    await gateway.post(large, "bob@site.example", sender="sender2@client.example")

    report = await in_mailbox(postfix, "sender2", b"Final-Recipient")
    assert about(report) == {"bob@site.example": ("failed", "5.3.4")}


async def test_a_delay_is_told_and_then_that_the_time_is_over(gateway: Embedded, postfix: Postfix) -> None:
    await send(
        *(gateway, "<sender3@client.example>", "<later@site.example> NOTIFY=DELAY,FAILURE"),
        message=plain("patience"),
    )

    delayed = await in_mailbox(postfix, "sender3", b"Action: delayed")
    failed = await in_mailbox(postfix, "sender3", b"Action: failed")
    assert about(delayed) == {"later@site.example": ("delayed", "4.7.1")}
    assert b"Will-Retry-Until: " in delayed
    assert about(failed) == {"later@site.example": ("failed", "4.4.7")}
    assert b"come again" in failed


async def test_a_next_hop_with_dsn_tells_success_itself(gateway: Embedded, postfix: Postfix) -> None:
    await send(
        *(gateway, "<sender4@client.example> ENVID=SUCC1", "<asks@site.example> NOTIFY=SUCCESS"),
        message=plain("tell me"),
    )

    report = await in_mailbox(postfix, "sender4", b"Final-Recipient")
    assert b"Reporting-MTA: dns; postfix.example" in report
    assert b"Original-Envelope-Id: SUCC1" in report
    assert about(report) == {"asks@site.example": ("delivered", "2.0.0")}
    assert (await gateway.ended("asks@site.example")).state == Ending.DELIVERED


async def test_addresses_in_utf8_arrive_and_are_reported_as_they_are(
    gateway: Embedded, postfix: Postfix
) -> None:
    message = plain("größer als ascii")
    await send(
        *(
            gateway,
            "<sender5@client.example> SMTPUTF8 BODY=8BITMIME",
            "<bób@site.example>",
            "<níemand@site.example>",
        ),
        message=message,
    )

    await in_mailbox(postfix, "utf8", "größer als ascii".encode())
    report = await in_mailbox(postfix, "sender5", b"message/global-delivery-status")
    assert "Final-Recipient: utf-8; níemand@site.example".encode() in report
    assert returned(report).get_content_type() == "message/global"
