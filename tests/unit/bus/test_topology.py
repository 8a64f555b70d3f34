from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bus.amqp.topology import ROOMS, Topology, room_for
from gateway.domain.pipeline import Stage

TOPOLOGY = Topology("mw")


@given(st.integers(0, ROOMS[-1] * 1000))
def test_mail_waits_at_least_its_delay_and_not_much_longer(milliseconds: int) -> None:
    seconds = milliseconds / 1000

    room = room_for(timedelta(seconds=seconds))

    assert seconds <= room
    assert room <= seconds * 1.3 + 2


def test_a_delay_that_no_room_has_is_refused() -> None:
    with pytest.raises(ValueError, match="longest room"):
        room_for(timedelta(days=40))


def test_rooms_are_few_and_their_delays_fit_into_the_field_of_the_broker() -> None:
    assert len(ROOMS) < 70
    assert all(shorter < longer for shorter, longer in pairwise(ROOMS))
    assert ROOMS[-1] * 1000 < 2**32


def test_each_stage_has_a_queue_of_its_own_for_urgent_mail() -> None:
    names = {TOPOLOGY.ready(stage, urgent=urgent) for stage in Stage for urgent in (True, False)}

    assert len(names) == 2 * len(Stage)
    assert names < set(TOPOLOGY.queues())


@pytest.mark.parametrize(
    ("queue", "stage"),
    [
        ("mw.scanner", Stage.SCANNER),
        ("mw.scanner.urgent", Stage.SCANNER),
        ("mw.sender.wait.250", Stage.SENDER),
        ("mw.dead", None),
        ("mw.", None),
        ("other", None),
    ],
)
def test_a_queue_tells_its_stage(queue: str, stage: Stage | None) -> None:
    assert TOPOLOGY.stage_of(queue) is stage


def test_what_the_broker_takes_out_goes_where_nothing_is_dropped() -> None:
    arguments = [*TOPOLOGY.queues().values(), TOPOLOGY.room_arguments(Stage.SENDER, 10)]
    forwarding = [one for one in arguments if "x-dead-letter-routing-key" in one]

    assert len(forwarding) == 2 * len(Stage) + 1
    assert all(one["x-dead-letter-strategy"] == "at-least-once" for one in forwarding)
    assert all(one["x-overflow"] == "reject-publish" for one in forwarding)
    assert all(one["x-queue-type"] == "quorum" for one in arguments)
