from __future__ import annotations

from gateway.metrics.exposition import text_of
from gateway.metrics.family import Collected, Distribution, Family, Kind, Sample

SENT = Family("sent_total", Kind.COUNTER, "What\nwas \\ sent.", ("to",))
WAIT = Family("wait_seconds", Kind.HISTOGRAM, "How long.", ("stage",))


def test_a_family_has_its_meaning_its_type_and_its_samples() -> None:
    text = text_of([Collected(SENT, [Sample(3, ("here",)), Sample(0.25, ("there",))])])

    assert text == (
        "# HELP sent_total What\\nwas \\\\ sent.\n"
        "# TYPE sent_total counter\n"
        'sent_total{to="here"} 3\n'
        'sent_total{to="there"} 0.25\n'
    )


def test_a_value_of_a_label_cannot_end_the_line() -> None:
    text = text_of([Collected(SENT, [Sample(1, ('a"b\\c\nd',))])])

    assert 'sent_total{to="a\\"b\\\\c\\nd"} 1\n' in text


def test_buckets_of_a_histogram_add_up() -> None:
    text = text_of([Collected(WAIT, [Distribution((0.5, 2.0), (2, 1, 4), 40.5, ("sender",))])])

    assert text.splitlines()[2:] == [
        'wait_seconds_bucket{stage="sender",le="0.5"} 2',
        'wait_seconds_bucket{stage="sender",le="2"} 3',
        'wait_seconds_bucket{stage="sender",le="+Inf"} 7',
        'wait_seconds_sum{stage="sender"} 40.5',
        'wait_seconds_count{stage="sender"} 7',
    ]


def test_a_large_number_is_told_in_full() -> None:
    assert "sent_total 12345678901234567\n" in text_of(
        [Collected(Family("sent_total", Kind.COUNTER, "x"), [Sample(12345678901234567)])]
    )


def test_a_family_without_numbers_is_left_out() -> None:
    assert text_of([Collected(SENT, [])]) == ""
