"""What the receiver promises about sessions, over real sockets."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from services.receiver.rules import Rules
from services.receiver.server import MOST_FRUITLESS
from tests.support.receiving import RULES, receiving
from tests.support.smtp_client import RawClient, connected, greeted

BEGINNING = b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@own.example>\r\nDATA\r\n"


def with_timeouts(**seconds: float) -> Rules:
    return replace(RULES, timeouts=replace(RULES.timeouts, **seconds))


async def begin_data(client: RawClient) -> None:
    await client.send(BEGINNING)
    assert (await client.replies(3))[-1].startswith("354")


async def test_a_silent_client_is_cut_off() -> None:
    async with receiving(with_timeouts(command=0.05)) as running, connected(running.port) as client:
        answers = await client.replies(2)

        assert answers[1].startswith("421 4.4.2")
        assert await client.is_closed()


async def test_a_client_that_drips_a_command_is_cut_off() -> None:
    async with receiving(with_timeouts(command=0.2)) as running, connected(running.port) as client:
        await client.reply()

        dripping = asyncio.create_task(drip(client))

        assert (await client.reply()).startswith("421 4.4.2")
        dripping.cancel()


async def test_all_recipients_after_the_first_share_one_time() -> None:
    async with receiving(with_timeouts(data_initiation=0.2)) as running, greeted(running.port) as client:
        await client.say("MAIL FROM:<a@client.example>")
        recipients = asyncio.create_task(drip(client, b"RCPT TO:<b@own.example>\r\n"))

        while (reply := await client.reply()).startswith("250"):
            pass

        assert reply.startswith("421 4.4.2")
        recipients.cancel()


async def test_a_client_that_falls_silent_in_its_data_is_cut_off() -> None:
    async with receiving(with_timeouts(read=0.05)) as running, greeted(running.port) as client:
        await begin_data(client)

        await client.send(b"Subject: x\r\n")

        assert (await client.reply()).startswith("421 4.4.2")
        assert running.mails == []


async def test_a_client_that_drips_its_data_is_cut_off() -> None:
    async with receiving(with_timeouts(data_termination=0.2)) as running, greeted(running.port) as client:
        await begin_data(client)

        dripping = asyncio.create_task(drip(client))

        assert (await client.reply()).startswith("421 4.4.2")
        assert running.mails == []
        dripping.cancel()


async def drip(client: RawClient, drop: bytes = b"x") -> None:
    while True:
        await client.send(drop)
        await asyncio.sleep(0.01)


async def test_a_message_that_is_broken_off_is_not_kept() -> None:
    async with receiving() as running, greeted(running.port) as client:
        (session,) = running.receiver.sessions
        await begin_data(client)

        await client.send(b"x" * 1000 + b"\r\n")
        client.cut()
        await asyncio.wait([session.connection.task()])

        assert (running.mails, running.blobs.bodies) == ([], [])
        assert running.receiver.sessions == ()


async def test_a_client_that_says_no_more_still_gets_its_replies() -> None:
    async with receiving() as running, greeted(running.port) as client:
        await client.send(BEGINNING + b"x\r\n.\r\n")
        client.end_sending()

        answers = await client.replies(4)

        assert answers[-1] == "250 2.1.0 OK"
        assert len(running.mails) == 1
        assert await client.is_closed()


async def test_commands_without_a_message_come_to_an_end() -> None:
    async with receiving() as running, greeted(running.port) as client:
        await client.send(b"XYZZY\r\n" * 10_000)

        answers = await client.replies(MOST_FRUITLESS)

        assert all(answer.startswith("500") for answer in answers[:-1])
        assert answers[-1].startswith("421 4.7.0")


async def test_a_message_makes_up_for_idle_commands() -> None:
    async with receiving() as running, greeted(running.port) as client:
        for _ in range(3):
            await client.send(b"NOOP\r\n" * (MOST_FRUITLESS - 10))
            await client.replies(MOST_FRUITLESS - 10)
            await client.send(BEGINNING + b".\r\n")
            await client.replies(4)

        assert len(running.mails) == 3


async def test_sessions_beyond_the_limit_are_turned_away_until_one_ends() -> None:
    rules = replace(RULES, limits=replace(RULES.limits, sessions_per_ip=1))
    async with receiving(rules) as running:
        async with greeted(running.port) as first, connected(running.port) as second:
            assert (await second.reply()).startswith("421 4.7.0")
            assert await second.is_closed()
            await first.say("QUIT")
            assert await first.is_closed()

        async with connected(running.port) as third:
            assert (await third.reply()).startswith("220")


@pytest.mark.parametrize("size", [0, 1, 5_000, 300_000, 3_000_000])
async def test_a_message_is_stored_byte_for_byte(size: int) -> None:
    line = b".\x01\xff" * 300 + b"\r\n"
    body = b"\r\n" + line.replace(b".", b"", 1) * (size // len(line)) if size else b""
    async with receiving() as running, greeted(running.port) as client:
        await begin_data(client)
        sending = asyncio.create_task(client.send(body + b".\r\n"))

        assert await client.reply() == "250 2.1.0 OK"

        await sending
        assert running.blobs.bodies == [body]


async def test_a_fault_of_our_own_is_logged_and_the_client_may_come_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as running, greeted(running.port) as client:
        monkeypatch.setattr(running.blobs, "create", lambda owner_id: None)

        await client.send(BEGINNING + b"x\r\n.\r\n")
        answers = await client.replies(4)

        assert answers[-1].startswith("421 4.3.0")
        assert await client.is_closed()
        assert [record.getMessage() for record in caplog.records if record.exc_info] == [
            "fault in a session with [127.0.0.1]"
        ]
