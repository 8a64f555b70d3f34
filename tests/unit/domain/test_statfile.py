from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.domain.statfile import ORDER, Statistics, file_text
from gateway.domain.statistics import Counter, Gauge, Peak

BEGAN = datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_the_file_has_a_line_for_each_number() -> None:
    statistics = Statistics(
        BEGAN,
        {Counter.RECEIVED_MESSAGES: 3, Peak.INCOMING_CONNECTIONS: 7},
        {Gauge.OUTGOING_CONNECTIONS: 2, Gauge.LICENCE_USED: 9},
        stored=4,
    )

    lines = file_text(statistics, BEGAN + timedelta(minutes=1)).splitlines()

    assert lines[:4] == [
        "time_initialized=1767614400",
        "time_initialized_iso=2026-01-05T12:00:00Z",
        "time_processing=60",
        "mta_received_messages=3",
    ]
    assert {"mta_incoming_connections_maximum=7", "mta_outgoing_connections_current=2"} <= set(lines)
    assert "mta_stored_messages_current=4" in lines
    assert "mta_sent_messages=0" in lines
    assert len(lines) == 3 + len(ORDER) == len({line.partition("=")[0] for line in lines})


def test_every_number_of_mail_and_of_the_filters_is_in_the_file() -> None:
    families = ("mta_", "antiviral_", "antispam_")
    counted = {name.value for some in (Counter, Peak, Gauge) for name in some if name.startswith(families)}

    assert counted <= set(ORDER)


def test_names_that_the_reference_gives_are_in_the_file() -> None:
    """The irregular ones are easily lost: see section 14."""
    assert {
        "mta_incoming_connections_errors",
        "mta_outgoing_connection_errors",
        "mta_outgoing_connections_current",
        "mta_outgoing_connections_failed_through_cache",
        "antiviral_checking_sessions_current",
        "antiviral_checking_sessions_maximum",
    } <= set(ORDER)
