"""What the records promise about gauges and announcements, asked of both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from gateway.domain.statistics import Gauge
from gateway.records.announcements import REMEMBERED
from gateway.records.port import Records
from tests.support.mails import NOON

MINUTE = timedelta(minutes=1)
IN, OUT = Gauge.INCOMING_CONNECTIONS, Gauge.OUTGOING_CONNECTIONS
TABLES = "gauges, announcements"


async def test_what_processes_have_is_added_up(records: Records) -> None:
    await records.gauges.tell("p1", {IN: 3, OUT: 1}, NOON, NOON + MINUTE)
    await records.gauges.tell("p2", {IN: 4}, NOON, NOON + MINUTE)

    assert await records.gauges.known(NOON) == {IN: 7, OUT: 1}


async def test_what_a_process_tells_takes_the_place_of_what_it_told_before(records: Records) -> None:
    await records.gauges.tell("p1", {IN: 3, OUT: 1}, NOON, NOON + MINUTE)
    await records.gauges.tell("p1", {IN: 2}, NOON, NOON + MINUTE)

    assert await records.gauges.known(NOON) == {IN: 2}


async def test_what_a_process_told_that_was_killed_is_over_by_itself(records: Records) -> None:
    await records.gauges.tell("killed", {IN: 3}, NOON, NOON + MINUTE)
    await records.gauges.tell("lives", {IN: 1}, NOON + MINUTE, NOON + 3 * MINUTE)

    assert await records.gauges.known(NOON + 2 * MINUTE) == {IN: 1}


async def test_what_the_processes_of_one_launch_have_can_be_told_from_the_others(records: Records) -> None:
    await records.gauges.tell("5a/p1", {IN: 3}, NOON, NOON + MINUTE)
    await records.gauges.tell("5a/p2", {IN: 1}, NOON, NOON + MINUTE)
    await records.gauges.tell("5b/p3", {IN: 4}, NOON, NOON + MINUTE)
    await records.gauges.tell("5", {IN: 8}, NOON, NOON + MINUTE)

    assert await records.gauges.known(NOON, "5a") == {IN: 4}


async def test_one_of_many_tells_an_announcement(records: Records) -> None:
    claims = await asyncio.gather(
        *(records.announcements.claim("end", NOON, NOON + MINUTE) for _ in range(8))
    )

    assert sorted(claims) == [False] * 7 + [True]


async def test_an_announcement_that_was_not_told_in_time_is_told_by_another(records: Records) -> None:
    assert await records.announcements.claim("end", NOON, NOON + MINUTE)

    assert not await records.announcements.claim("end", NOON, NOON + MINUTE)
    assert await records.announcements.claim("end", NOON + MINUTE, NOON + 2 * MINUTE)


async def test_an_announcement_that_was_told_is_not_told_again(records: Records) -> None:
    await records.announcements.claim("end", NOON, NOON + MINUTE)
    await records.announcements.told("end")

    assert not await records.announcements.claim("end", NOON + 2 * MINUTE, NOON + 3 * MINUTE)
    assert await records.announcements.claim("another", NOON, NOON + MINUTE)


async def test_announcements_are_forgotten_in_the_end(records: Records) -> None:
    await records.announcements.claim("end", NOON, NOON + MINUTE)
    await records.announcements.told("end")

    later = NOON + MINUTE + REMEMBERED
    assert await records.announcements.claim("end", later, later + MINUTE)
