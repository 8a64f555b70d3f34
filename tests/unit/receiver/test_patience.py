from __future__ import annotations

from dataclasses import replace

from gateway.domain.access import client_address
from gateway.domain.statistics import Counter
from services.receiver.patience import PATIENT_FOR, Patience
from tests.support.receiving import RULES, receiving
from tests.support.smtp_client import connected
from tests.support.waiting import until

STRANGER, KNOWN = client_address("192.0.2.7"), client_address("192.0.2.8")


def test_a_stranger_waits_for_the_greeting_once_in_a_day() -> None:
    now = 0.0
    patience = Patience(5.0, lambda client: client == KNOWN, clock=lambda: now)

    assert patience.pause_before(STRANGER) == 5.0
    assert patience.pause_before(KNOWN) == 0.0

    patience.waited(STRANGER)
    assert patience.pause_before(STRANGER) == 0.0

    now = PATIENT_FOR
    assert patience.pause_before(STRANGER) == 5.0


def test_without_a_pause_nobody_waits() -> None:
    assert Patience(0.0, lambda _: False).pause_before(STRANGER) == 0.0


async def test_early_talkers_are_counted_as_refused_connections() -> None:
    async with receiving(replace(RULES, greeting_pause=30.0)) as running, connected(running.port) as client:
        await client.send(b"EHLO client.example\r\n")

        assert await client.reply() == "421 4.7.0 you spoke before the greeting"
        assert running.records.counted[Counter.INCOMING_CONNECTIONS_REFUSED] == 1
        assert running.records.counted[Counter.REFUSED_FOR_EARLY_TALKING] == 1


async def test_who_has_waited_need_not_wait_again() -> None:
    async with receiving(replace(RULES, greeting_pause=0.05)) as running:
        async with connected(running.port) as client:
            assert await client.reply() == "220 gw.example ESMTP"
        async with connected(running.port) as client:
            await client.send(b"QUIT\r\n")

            assert await client.reply() == "220 gw.example ESMTP"


async def test_a_client_that_waits_does_not_hold_up_the_end() -> None:
    async with receiving(replace(RULES, greeting_pause=60.0)) as running, connected(running.port) as client:
        await until(lambda: len(running.receiver.sessions) == 1)
        await running.receiver.stop()

        assert (await client.reply()).startswith("421 4.3.2")
