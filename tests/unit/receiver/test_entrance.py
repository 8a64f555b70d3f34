"""Who is let in, and what a balancer is believed, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from ipaddress import ip_network

import pytest
import uvloop

from gateway.domain.statistics import Counter, Peak
from services.receiver import entrance
from services.receiver.rules import Rules
from tests.support.receiving import RULES, Running, receiving, server_tls
from tests.support.smtp_client import connected, greeted
from tests.support.waiting import until

BEHIND_A_BALANCER = replace(RULES, starttls=True, proxies=(ip_network("127.0.0.0/29"),))
HEADER = b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\r\n"
BEGINNING = b"EHLO client.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<b@own.example>\r\nDATA\r\n"


def with_limits(rules: Rules = RULES, **limits: int) -> Rules:
    return replace(rules, limits=replace(rules.limits, **limits))


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_a_header_may_come_in_pieces_and_with_what_follows_it(
    run: Callable[[Coroutine[None, None, None]], None], pieces: int
) -> None:
    async def send() -> None:
        async with receiving(BEHIND_A_BALANCER) as running, connected(running.port) as client:
            await client.send(HEADER + BEGINNING + b"Subject: x\r\n\r\n.\r\n", piece_size=pieces)

            assert (await client.replies(6))[-1] == "250 2.1.0 OK"
            assert [mail.envelope.client_ip for mail in running.mails] == ["192.0.2.1"]

    run(send())


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_tls_follows_a_header_on_its_port(run: Callable[[Coroutine[None, None, None]], None]) -> None:
    async def send() -> None:
        async with (
            receiving(BEHIND_A_BALANCER, tls=server_tls()) as running,
            connected(running.encrypted_port) as client,
        ):
            await client.send(HEADER)
            await client.encrypt()
            await client.send(BEGINNING + b"Subject: x\r\n\r\n.\r\n")

            assert (await client.replies(6))[-1] == "250 2.1.0 OK"
            (mail,) = running.mails
            assert (mail.envelope.client_ip, mail.envelope.protocol) == ("192.0.2.1", "ESMTPS")

    run(send())


async def test_a_balancer_that_does_not_say_whom_it_connects_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(entrance, "INTRODUCTION", 0.05)
    async with receiving(BEHIND_A_BALANCER) as running, connected(running.port) as client:
        await client.send(HEADER[:20])

        assert await client.is_closed()
        assert running.records.counted[Counter.INCOMING_CONNECTION_ERRORS] == 1
        assert "no PROXY header from [127.0.0.1]: it did not come in time" in caplog.messages


async def test_a_balancer_that_says_something_else_is_cut_off_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with receiving(BEHIND_A_BALANCER) as running, connected(running.port) as client:
        await client.send(b"EHLO client.example\r\n")

        assert await client.is_closed()
        assert "no PROXY header from [127.0.0.1]: it is no PROXY header" in caplog.messages


async def test_a_header_from_nobody_of_the_list_is_a_command_like_any_other() -> None:
    async with receiving(BEHIND_A_BALANCER) as running, connected(running.port, ip="127.0.0.9") as client:
        await client.send(HEADER + BEGINNING + b"Subject: x\r\n\r\n.\r\n")

        answers = await client.replies(7)

        assert answers[1].startswith("500 5.5.1")
        assert [mail.envelope.client_ip for mail in running.mails] == ["127.0.0.9"]


async def test_clients_behind_a_balancer_have_limits_of_their_own() -> None:
    rules = with_limits(BEHIND_A_BALANCER, sessions_per_ip=1)
    async with (
        receiving(rules) as running,
        connected(running.port) as first,
        connected(running.port) as second,
        connected(running.port) as other,
    ):
        await first.send(HEADER)
        assert (await first.reply()).startswith("220")
        await second.send(HEADER)
        await other.send(HEADER.replace(b"192.0.2.1", b"192.0.2.7"))

        assert (await second.reply()).startswith("421 4.7.0 too many connections from your address")
        assert (await other.reply()).startswith("220")


async def test_balancers_that_say_nothing_are_not_heard_in_any_number() -> None:
    rules = with_limits(BEHIND_A_BALANCER, sessions=1)
    async with (
        receiving(rules) as running,
        connected(running.port),
        connected(running.port) as beyond,
    ):
        assert await beyond.is_closed()
        assert running.records.counted[Counter.INCOMING_CONNECTION_ERRORS] == 1


async def test_connections_are_counted_and_refusals_by_their_reason() -> None:
    async with receiving(with_limits(sessions_per_ip=1)) as running, greeted(running.port):
        async with connected(running.port) as second:
            assert (await second.reply()).startswith("421 4.7.0")
        running.suspended = True
        async with connected(running.port) as third:
            assert (await third.reply()).startswith("421 4.3.2")

        assert running.records.counted == {
            Counter.INCOMING_CONNECTIONS: 3,
            Peak.INCOMING_CONNECTIONS: 1,
            Counter.INCOMING_CONNECTIONS_REFUSED: 2,
            Counter.REFUSED_FOR_SESSIONS_PER_IP: 1,
        }


async def test_who_is_refused_where_tls_comes_first_is_told_nothing_in_the_clear() -> None:
    async with (
        receiving(with_limits(sessions_per_ip=1), tls=server_tls()) as running,
        greeted(running.port),
        connected(running.encrypted_port) as second,
    ):
        assert await second.is_closed()


async def test_a_refusal_is_logged_with_the_client(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "gateway.mail")
    async with (
        receiving(with_limits(sessions_per_ip=1)) as running,
        greeted(running.port),
        connected(running.port) as second,
    ):
        await second.reply()

    assert caplog.messages == [
        'REFUSED, client=[127.0.0.1], reason="421 4.7.0 too many connections from your address", rule=""'
    ]


async def drip(running: Running, ip: str, ended: list[str]) -> None:
    """Send a byte of a command now and then, and never a whole one."""
    async with connected(running.port) as client:
        await client.send(f"PROXY TCP4 {ip} 192.0.2.2 1 25\r\n".encode())
        hearing = asyncio.create_task(client.replies(2))
        while not hearing.done():
            await client.send(b"x")
            await asyncio.sleep(0.01)
        ended.append(hearing.result()[1])


async def test_a_thousand_clients_that_drip_do_not_stop_one_that_does_not() -> None:
    rules = with_limits(BEHIND_A_BALANCER, sessions=100, sessions_per_ip=4)
    rules = replace(rules, timeouts=replace(rules.timeouts, when_full=0.0))
    ended: list[str] = []
    async with receiving(rules) as running:
        dripping = [
            asyncio.create_task(drip(running, f"198.51.{number >> 8}.{number & 255}", ended))
            for number in range(1000)
        ]
        await until(lambda: len(ended) == 900)

        async with greeted(running.port, header=HEADER) as client:
            await client.send(BEGINNING.partition(b"\r\n")[2] + b"Subject: x\r\n\r\n.\r\n")

            assert (await client.replies(4))[-1] == "250 2.1.0 OK"
        for task in dripping:
            task.cancel()
        await asyncio.gather(*dripping, return_exceptions=True)

    assert {reply.partition(" others")[0] for reply in ended if reply} == {"421 4.3.2"}


async def test_a_client_that_sends_fast_enough_does_not_make_room() -> None:
    rules = with_limits(sessions=1)
    rules = replace(rules, timeouts=replace(rules.timeouts, when_full=3600.0))
    async with receiving(rules) as running, greeted(running.port), connected(running.port) as second:
        assert (await second.reply()).startswith("421 4.7.0 too many connections now")
