from __future__ import annotations

from gateway.domain.policy import ObjectStatus
from gateway.domain.statistics import Counter, Peak, objects_with
from gateway.records.counting import HOUR, Counting


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def row(hour: int, counter: str, value: int) -> dict[str, object]:
    return {"hour": hour, "counter": counter, "source": "me", "value": value}


def test_only_what_changed_is_stored_and_each_time_as_a_whole() -> None:
    counting = Counting("me", Clock())
    counting.count(Counter.SENT_MESSAGES, 1)
    counting.count(Counter.SENT_BYTES, 100)
    counting.stored(counting.rows())
    counting.count(Counter.SENT_MESSAGES, 2)

    assert counting.rows() == [row(0, "mta_sent_messages", 3)]


def test_what_is_counted_while_a_sum_is_being_stored_is_not_stored() -> None:
    counting = Counting("me", Clock())
    counting.count(Counter.SENT_MESSAGES, 1)
    under_way = counting.rows()
    counting.count(Counter.SENT_MESSAGES, 1)
    counting.stored(under_way)

    assert counting.rows() == [row(0, "mta_sent_messages", 2)]


def test_each_hour_has_its_own_sum() -> None:
    clock = Clock()
    counting = Counting("me", clock)
    counting.count(Counter.SENT_MESSAGES, 5)
    clock.seconds = HOUR + 1.0
    counting.count(Counter.SENT_MESSAGES, 1)

    assert counting.rows() == [row(0, "mta_sent_messages", 5), row(HOUR, "mta_sent_messages", 1)]

    counting.stored(counting.rows())

    assert not counting.changed


def test_what_a_process_counted_in_all_is_told_over_the_hours() -> None:
    clock = Clock()
    counting = Counting("me", clock)
    counting.count(Counter.SENT_MESSAGES, 5)
    clock.seconds = 3 * HOUR + 1.0
    counting.count(Counter.SENT_MESSAGES, 1)
    counting.stored(counting.rows())

    assert counting.totals[Counter.SENT_MESSAGES] == 6
    assert counting.totals[Counter.RECEIVED_MESSAGES] == 0


def test_a_clock_that_goes_back_counts_for_its_own_hour() -> None:
    clock = Clock()
    clock.seconds = HOUR + 1.0
    counting = Counting("me", clock)
    counting.count(Counter.SENT_MESSAGES, 5)
    clock.seconds = HOUR - 1.0
    counting.count(Counter.SENT_MESSAGES, 1)

    assert counting.rows() == [row(0, "mta_sent_messages", 1), row(HOUR, "mta_sent_messages", 5)]


def test_a_peak_is_news_only_when_it_rises() -> None:
    counting = Counting("me", Clock())
    counting.reach(Peak.INCOMING_CONNECTIONS, 4)
    counting.stored(counting.rows())
    counting.reach(Peak.INCOMING_CONNECTIONS, 3)

    assert not counting.changed


def test_each_status_of_an_object_has_its_counter() -> None:
    assert len({objects_with(status) for status in ObjectStatus}) == len(ObjectStatus)
