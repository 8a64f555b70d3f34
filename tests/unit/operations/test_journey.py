from __future__ import annotations

from gateway.operations.journey import Journey, journey_of
from gateway.records.port import JourneyStep
from tests.support.records import A_MAIL, ReadRecords


async def test_a_journey_is_the_mail_and_all_its_steps() -> None:
    steps = [JourneyStep(A_MAIL.received_at, "Entered", {"stage": "antispam"})]
    records = ReadRecords([A_MAIL], {A_MAIL.id: steps})

    assert await journey_of(records, A_MAIL.id) == Journey(A_MAIL, steps, [])


async def test_a_mail_that_nobody_knows_has_no_journey() -> None:
    assert await journey_of(ReadRecords([A_MAIL]), "unknown") is None
