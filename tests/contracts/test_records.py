"""What records promise, asked of both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from gateway.domain.authentication import Authentication, Result, Spf
from gateway.domain.journey import (
    Analysed,
    Answer,
    Deferred,
    Ended,
    Ending,
    Entered,
    Event,
    Finding,
    Moved,
    Parked,
    RecipientReply,
    Scanned,
    ScannedObject,
    Tried,
    Turning,
)
from gateway.domain.mail import BodyRef, Mail
from gateway.domain.pipeline import Module
from gateway.domain.policy import ObjectAction, ObjectStatus, SpamStatus
from gateway.domain.statistics import Counter, Peak
from gateway.records.behind import Pace
from gateway.records.port import MailRecord, Queued, QueuePlace, Records, Settled, Waiting
from gateway.records.postgres import open_postgres
from gateway.records.sqlite import open_sqlite
from tests.support.mails import NOON, a_mail
from tests.support.postgres import execute

Open = Callable[..., Awaitable[Records]]  # with a `Pace` or a launch, if need be

ID = "AbCdEfGh12345"


@pytest.fixture(params=["sqlite", "postgres"])
async def open_records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the same records again and again, as many processes do."""
    opened: list[Records] = []

    async def open_again(pace: Pace | None = None, launch: str = "") -> Records:
        if request.param == "sqlite":
            opened.append(await open_sqlite(tmp_path / "records.db", pace, launch))
        else:
            opened.append(await open_postgres(request.getfixturevalue("postgres"), pace, launch))
        return opened[-1]

    if request.param == "postgres":
        await (await open_again()).close()
        execute(
            request.getfixturevalue("postgres"),
            "TRUNCATE mails, recipients, events, modules, counts, storage_entries, notices",
        )
    yield open_again
    for records in opened:
        await records.close()


@pytest.fixture
async def records(open_records: Open) -> Records:
    return await open_records()


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def entered(mail: Mail, stage: str = "antispam", at: datetime = NOON) -> Entered:
    return Entered(mail, stage, at)


def tried(*replies: RecipientReply, mail_id: str = ID, at: datetime = NOON) -> Tried:
    return Tried(mail_id, at, replies)


def reply(address: str, answer: Answer) -> RecipientReply:
    return RecipientReply(address, answer, "mx.site.example [192.0.2.9]", 250, "2.0.0", "ok")


def waiting(mail_id: str, *, until: datetime, copy: bytes = b"copy") -> Deferred:
    return Deferred(mail_id, after(1), until, "greylisted", 1, copy=copy)


def ended(mail_id: str = ID, at: datetime = NOON, ending: Ending = Ending.DELIVERED) -> Ended:
    return Ended(mail_id, at, ending)


def analysed(at: datetime = NOON) -> Analysed:
    found = (Finding("phrase", "it is said", 9.5, "test"),)
    turning = Turning(9.5, None, 0.0, ("phrase",), ("phrase",))
    return Analysed(ID, at, SpamStatus.SPAM, found, "p1", "b1", turning)


def scanned(at: datetime = NOON) -> Scanned:
    seen = ScannedObject(
        "1.2", "a.exe", "text/plain", 5, ObjectStatus.INFECTED, ObjectAction.REMOVE, ("EICAR",)
    )
    return Scanned(ID, at, ObjectStatus.INFECTED, (seen,), "p1", "b1")


async def queued(records: Records, *states: str, behind: QueuePlace | None = None) -> list[str]:
    return [mail.id async for mail in records.queue(states, behind)]


async def the_mail(records: Records, mail_id: str = ID) -> MailRecord:
    found = await records.mail(mail_id)
    assert found is not None
    return found


async def test_what_is_kept_is_known_at_once_as_it_was_told(records: Records) -> None:
    mail = a_mail(ID, "one@site.example", "two@site.example", group="sales", source_id="Source1234567")

    await records.keep(entered(mail, at=after(1)))

    assert await the_mail(records) == MailRecord(
        id=ID,
        source_id="Source1234567",
        group="sales",
        sender="sender@client.example",
        recipients=("one@site.example", "two@site.example"),
        client_ip="192.0.2.1",
        message_id="<1@client.example>",
        size=100,
        received_at=NOON,
        state="WFC",
        state_at=after(1),
        next_try_at=None,
        attempts=0,
        reason="",
    )


async def test_what_is_not_there_is_none(records: Records) -> None:
    assert await records.mail("nobody") is None
    assert await records.journey("nobody") == []
    assert await records.settled("nobody") == Settled()
    assert await queued(records) == []


async def test_what_was_noted_is_stored_before_what_is_kept_after_it(records: Records) -> None:
    records.note(entered(a_mail("first")))
    records.note(Moved("first", after(1), "CHK"))

    await records.keep(entered(a_mail("second")))

    assert (await the_mail(records, "first")).state == "CHK"


async def test_what_was_noted_is_stored_by_itself(records: Records) -> None:
    records.note(entered(a_mail(ID)))

    async with asyncio.timeout(30):
        while await records.mail(ID) is None:
            await asyncio.sleep(0.05)

    assert (await the_mail(records)).state == "WFC"


async def test_closing_stores_what_was_noted(records: Records, open_records: Open) -> None:
    records.note(entered(a_mail(ID)))

    await records.close()

    assert (await the_mail(await open_records())).id == ID


async def test_many_keep_at_once(records: Records) -> None:
    await asyncio.gather(*(records.keep(entered(a_mail(f"mail{number}"))) for number in range(300)))

    assert await records.counts() == {"WFC": 300}


LIFE: tuple[Event, ...] = (
    entered(a_mail(ID)),
    Moved(ID, after(1), "CHK"),
    Deferred(ID, after(2), after(60), "no route", 3),
    Ended(ID, after(3), Ending.BOUNCED, "gave up"),
)


@pytest.mark.parametrize(
    "order", list(permutations(LIFE)), ids=lambda order: "-".join(type(event).__name__ for event in order)
)
async def test_events_may_come_in_any_order(records: Records, order: tuple[Event, ...]) -> None:
    for event in order:
        await records.keep(event)

    found = await the_mail(records)
    assert (found.state, found.state_at, found.reason) == ("bounced", after(3), "gave up")
    assert (found.recipients, found.received_at) == (("user@site.example",), NOON)
    assert await queued(records) == []
    assert await records.spent_bodies(after(10), 10) == [a_mail(ID).body.name]
    assert [step.kind for step in await records.journey(ID)] == ["Entered", "Deferred", "Ended"]


async def test_events_of_one_batch_leave_the_newest_state(records: Records) -> None:
    await records.keep(Moved(ID, after(5), "QUE"), Moved(ID, after(2), "CHK"), entered(a_mail(ID)))

    assert (await the_mail(records)).state == "QUE"


async def test_an_ending_wins_over_a_state_that_seems_newer(records: Records) -> None:
    await records.keep(entered(a_mail(ID)), ended(at=after(1)))

    await records.keep(Moved(ID, after(2), "SND"))

    assert (await the_mail(records)).state == "delivered"


async def test_what_is_kept_twice_is_there_once(records: Records, open_records: Open) -> None:
    events = (entered(a_mail(ID)), tried(reply("user@site.example", Answer.DELIVERED)), ended(at=after(1)))
    await records.keep(*events)

    await records.keep(*events)
    await (await open_records()).keep(*events)

    assert [step.kind for step in await records.journey(ID)] == ["Entered", "Tried", "Ended"]
    assert await records.counts() == {"delivered": 1}


async def test_a_mail_is_known_by_what_came_before_its_entry(records: Records) -> None:
    await records.keep(Moved(ID, after(1), "QUE"))

    found = await the_mail(records)
    assert (found.state, found.sender, found.recipients) == ("QUE", "", ())


async def test_a_deferred_mail_tells_when_and_why(records: Records) -> None:
    await records.keep(entered(a_mail(ID)), Deferred(ID, after(1), after(31), "no route", 2))

    found = await the_mail(records)
    assert (found.state, found.next_try_at, found.reason, found.attempts) == (
        "QUE",
        after(31),
        "no route",
        2,
    )


async def test_a_deferral_is_over_when_the_mail_is_taken_again(records: Records) -> None:
    await records.keep(
        entered(a_mail(ID)), Deferred(ID, after(1), after(31), "engine is down", 0, state="WFC")
    )

    await records.keep(Moved(ID, after(32), "QUE"))

    found = await the_mail(records)
    assert (found.state, found.next_try_at) == ("QUE", None)


async def test_a_parked_mail_is_in_the_queue_until_it_goes_on(records: Records) -> None:
    await records.keep(entered(a_mail(ID)), Parked(ID, after(1), "scanner", "KeyError"))
    assert await queued(records, "parked") == [ID]

    await records.keep(Moved(ID, after(2), "WFC"))

    assert await queued(records, "parked") == []
    assert await queued(records, "WFC") == [ID]


async def test_settled_are_the_recipients_with_a_final_answer(records: Records) -> None:
    await records.keep(
        tried(
            reply("done@site.example", Answer.DELIVERED),
            reply("later@site.example", Answer.LATER),
            reply("never@site.example", Answer.REFUSED),
        )
    )

    assert await records.settled(ID) == Settled(
        {"done@site.example": Answer.DELIVERED, "never@site.example": Answer.REFUSED}
    )


async def test_a_final_answer_stays(records: Records) -> None:
    await records.keep(tried(reply("a@site.example", Answer.LATER)))
    await records.keep(tried(reply("a@site.example", Answer.DELIVERED), at=after(1)))

    await records.keep(tried(reply("a@site.example", Answer.LATER), at=after(2)))

    assert (await records.settled(ID)).answers == {"a@site.example": Answer.DELIVERED}


@pytest.mark.parametrize("order", list(permutations((Answer.LATER, Answer.DELIVERED, Answer.REFUSED))))
async def test_a_final_answer_stays_whatever_is_told_with_it(
    records: Records, order: tuple[Answer, ...]
) -> None:
    told = (tried(reply("a@site.example", answer), at=after(n)) for n, answer in enumerate(order))

    await records.keep(*told)

    first = next(answer for answer in order if answer is not Answer.LATER)
    assert (await records.settled(ID)).answers == {"a@site.example": first}


async def test_look_ups_at_once_get_each_their_own_answer(records: Records) -> None:
    ids = [f"mail{number}" for number in range(50)]
    await records.keep(*(tried(reply(f"{id_}@site.example", Answer.DELIVERED), mail_id=id_) for id_ in ids))

    found = await asyncio.gather(*(records.settled(mail_id) for mail_id in ids))

    assert [set(settled.answers) for settled in found] == [{f"{mail_id}@site.example"} for mail_id in ids]


async def test_a_journey_says_who_sent_the_mail(records: Records) -> None:
    facts = Authentication(spf=Spf(Result.PASS, "client.example"), dkim=())

    await records.keep(entered(a_mail(ID, authentication=facts)))

    [step] = await records.journey(ID)
    assert step.detail["authentication"] == {
        "spf": {"result": "pass", "domain": "client.example", "identity": "mailfrom", "reason": ""},
        "dkim": [],
        "dmarc": None,
        "arc": None,
        "forged": [],
    }


async def test_a_journey_has_the_details_of_each_step(records: Records) -> None:
    await records.keep(entered(a_mail(ID)), analysed(after(1)), scanned(after(2)), ended(at=after(3)))

    steps = await records.journey(ID)

    assert [(step.kind, step.at) for step in steps] == [
        ("Entered", NOON),
        ("Analysed", after(1)),
        ("Scanned", after(2)),
        ("Ended", after(3)),
    ]
    assert steps[0].detail["helo"] == "client.example"
    assert steps[1].detail == {
        "status": "as/spam",
        "findings": [{"check": "phrase", "detail": "it is said", "score": 9.5, "category": "test"}],
        "policy": "p1",
        "bases": "b1",
        "turning": {
            "score": 9.5,
            "to_worse": None,
            "to_better": 0.0,
            "decisive": ["phrase"],
            "together": ["phrase"],
        },
    }
    assert steps[3].detail == {"ending": "delivered", "reason": ""}


async def test_steps_of_one_moment_stay_apart_and_in_order(records: Records) -> None:
    await records.keep(*(Deferred(ID, NOON, after(1), reason, 1) for reason in "abc"))

    assert [step.detail["reason"] for step in await records.journey(ID)] == ["a", "b", "c"]


async def test_the_queue_is_all_mail_on_its_way_and_the_oldest_comes_first(records: Records) -> None:
    await records.keep(
        entered(received("late", 3), stage="sender"),
        entered(received("early", 1)),
        entered(received("gone", 0)),
        ended("gone"),
        entered(received("between", 2)),
        Moved("between", after(9), "SND"),
    )

    assert await queued(records) == ["early", "between", "late"]
    assert await queued(records, "QUE", "SND") == ["between", "late"]
    assert await queued(records, "WFS") == []


async def test_the_queue_is_read_over_many_pages_and_from_any_place(records: Records) -> None:
    ids = [f"m{number:04}" for number in range(2500)]
    # Many of one time: the pages must not break between them.
    await records.keep(*(entered(received(mail_id, int(mail_id[1:]) // 700)) for mail_id in ids))

    assert await queued(records) == ids
    assert await queued(records, behind=QueuePlace(after(1), "m0799")) == ids[800:]


async def test_counts_are_by_state(records: Records) -> None:
    await records.keep(*(entered(a_mail(name)) for name in "abcd"), ended("a"), Moved("b", after(1), "SND"))

    await records.remove(["c"])
    assert await records.counts() == {"WFC": 1, "SND": 1, "delivered": 1, "removed": 1}


async def test_what_is_queued_is_told_by_state_with_the_oldest_of_each(records: Records) -> None:
    await records.keep(
        *(entered(received(name, minutes)) for name, minutes in (("a", 0), ("b", 1), ("c", 2), ("d", 3))),
        Moved("c", after(4), "SND"),
        ended("d"),
    )

    await records.remove(["a"])
    assert await records.queued() == {"WFC": Queued(1, after(1)), "SND": Queued(1, after(2))}


async def test_only_mail_that_nobody_works_on_is_marked_as_removed(records: Records) -> None:
    states = ("WFC", "CHK", "WFS", "SPL", "QUE", "SND")
    await records.keep(
        *(entered(a_mail(f"is {state}")) for state in states),
        *(Moved(f"is {state}", after(1), state) for state in states),
        entered(a_mail("is delivered")),
        ended("is delivered"),
    )

    removed = await records.remove([*(f"is {state}" for state in states), "is delivered", "nobody"])

    assert removed == {"is WFC": "WFC", "is WFS": "WFS", "is QUE": "QUE"}
    assert await records.remove(["is QUE"]) == {}
    assert await queued(records) == ["is CHK", "is SND", "is SPL"]
    assert (await the_mail(records, "is QUE")).state == Ending.REMOVED


async def test_stages_before_the_sender_are_told_of_removed_mail_and_the_sender_asks(
    records: Records,
) -> None:
    await records.keep(entered(a_mail("early")), entered(a_mail("late"), stage="sender"))

    await records.remove(["early", "late"])

    assert await records.removed(10) == {"early"}
    assert await records.removed(0) == frozenset()
    assert await records.settled("late") == Settled(removed=True)
    assert await records.settled("early") == Settled(removed=True)


async def test_an_order_to_remove_is_fulfilled_by_the_end(records: Records) -> None:
    await records.keep(entered(a_mail(ID)))
    await records.remove([ID])

    await records.keep(ended(at=after(1), ending=Ending.REMOVED))

    assert await records.removed(10) == frozenset()
    assert await records.counts() == {"removed": 1}


async def test_the_highest_generation_is_wanted_even_after_the_end(records: Records) -> None:
    await records.keep(entered(a_mail(ID)), entered(a_mail("other")))

    await records.hurry({ID: 2, "other": 1})
    await records.hurry({ID: 1})
    await records.keep(ended(at=after(1)))

    assert (await records.settled(ID)).generation == 2
    assert (await records.settled("other")).generation == 1


async def test_mail_that_waits_long_enough_can_be_claimed_once(records: Records) -> None:
    copy = b"\x01\x00 anything at all \xff" * 1000
    await records.keep(
        *(entered(a_mail(name), stage="sender") for name in ("waits", "comes soon", "in line")),
        waiting("waits", until=after(60), copy=copy),
        waiting("comes soon", until=after(5)),
    )

    claims = [await records.claim(["waits", "comes soon", "in line", "nobody"], after(10)) for _ in range(2)]

    assert claims == [[Waiting("waits", after(60), copy)], []]
    assert (await the_mail(records, "waits")).next_try_at is None


async def test_claimed_mail_that_is_released_waits_as_before(records: Records) -> None:
    await records.keep(entered(a_mail(ID), stage="sender"), waiting(ID, until=after(60)))
    claimed = await records.claim([ID], after(10))

    await records.release(claimed)

    assert (await the_mail(records)).next_try_at == after(60)
    assert await records.claim([ID], after(10)) == claimed


@pytest.mark.parametrize(
    "later", [Moved(ID, after(61), "SND"), ended(at=after(61)), Parked(ID, after(61), "sender", "a fault")]
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_mail_that_left_its_waiting_room_cannot_be_claimed(
    records: Records, later: Event, at_once: bool
) -> None:
    before: tuple[Event, ...] = (entered(a_mail(ID), stage="sender"), waiting(ID, until=after(120)))
    for told in [(*before, later)] if at_once else [before, (later,)]:
        await records.keep(*told)

    await records.release([Waiting(ID, after(120), b"")])

    assert await records.claim([ID], after(10)) == []


async def test_removed_mail_cannot_be_claimed(records: Records) -> None:
    await records.keep(entered(a_mail(ID), stage="sender"), waiting(ID, until=after(60)))
    await records.remove([ID])

    assert await records.claim([ID], after(10)) == []


async def test_the_journey_does_not_hold_the_mail_that_waits(records: Records) -> None:
    await records.keep(waiting(ID, until=after(60)))

    assert "copy" not in (await records.journey(ID))[-1].detail


async def test_suspended_modules_are_remembered(records: Records, open_records: Open) -> None:
    await records.suspend(Module.SENDER, suspended=True)
    await records.suspend(Module.SCANNING, suspended=True)
    await records.suspend(Module.SCANNING, suspended=False)

    assert await (await open_records()).suspended() == {Module.SENDER}


async def test_a_body_is_spent_when_all_its_mails_have_ended_long_enough(records: Records) -> None:
    shared = BodyRef("0" * 64 + "-shared", 100)
    await records.keep(
        *(entered(a_mail(name, body=shared)) for name in ("copy", "other copy")),
        *(entered(a_mail(name)) for name in ("ended", "just ended", "on its way")),
        ended("copy"),
        ended("ended"),
        ended("just ended", at=after(60)),
    )
    assert await records.spent_bodies(after(10), 10) == [a_mail("ended").body.name]

    await records.keep(ended("other copy", at=after(5)))

    assert set(await records.spent_bodies(after(10), 10)) == {a_mail("ended").body.name, shared.name}
    assert len(await records.spent_bodies(after(10), 1)) == 1


async def test_bodies_that_were_forgotten_are_neither_named_nor_known(records: Records) -> None:
    await records.keep(entered(a_mail("gone")), entered(a_mail("here")), ended("gone"))
    gone, here, strange = (a_mail(name).body.name for name in ("gone", "here", "strange"))
    assert await records.known_bodies([gone, here, strange]) == {gone, here}

    await records.forget_bodies([gone])

    assert await records.spent_bodies(after(10), 10) == []
    assert await records.known_bodies([gone, here, strange]) == {here}


async def test_purging_forgets_mail_that_ended_before(records: Records) -> None:
    await records.keep(
        *(entered(a_mail(name)) for name in ("old", "young", "on its way")),
        tried(reply("a@site.example", Answer.DELIVERED), mail_id="old"),
        ended("old"),
        ended("young", at=after(60)),
    )

    assert await records.purge(after(30)) == 1
    assert await records.mail("old") is None
    assert await records.journey("old") == []
    assert await records.settled("old") == Settled()
    assert await records.counts() == {"delivered": 1, "WFC": 1}


async def test_purging_goes_on_over_many_pages(records: Records) -> None:
    ids = [f"m{number:04}" for number in range(2001)]
    await records.keep(*(event for mail_id in ids for event in (entered(a_mail(mail_id)), ended(mail_id))))

    assert await records.purge(after(1)) == 2001
    assert await records.counts() == {}


async def test_text_that_no_database_takes_is_stored_as_near_as_can_be(records: Records) -> None:
    await records.keep(
        entered(a_mail(ID, "nul\x00@site.example", message_id="<nul\x00half\ud800>")),
        Deferred(ID, NOON, after(1), "half\ud800", 1),
    )

    found = await the_mail(records)
    assert found.recipients == ("nul\x00@site.example",)
    assert found.message_id == "<nul\ufffdhalf?>"
    assert found.reason == "half?"
    assert (await records.journey(ID))[-1].detail["reason"] == "half\ud800"


async def test_what_cannot_be_stored_does_not_hold_up_the_rest(records: Records) -> None:
    records.note(entered(a_mail("before")))
    records.note(entered(a_mail("bad"), stage="no such stage"))

    await records.keep(entered(a_mail("after")))

    assert await queued(records) == ["after", "before"]


async def test_many_processes_open_and_write_at_once(open_records: Open) -> None:
    # The lock of SQLite is not fair: on a busy machine one process may be passed by the others for long.
    patient = Pace(keep_within=60.0)
    processes = await asyncio.gather(*(open_records(patient) for _ in range(4)))
    ids = [f"mail{number}" for number in range(200)]

    await asyncio.gather(
        *(
            process.keep(
                *(Moved(mail_id, after(turn), "CHK") for mail_id in mails), entered(a_mail(mails[turn]))
            )
            for turn, process in enumerate(processes)
            for mails in (ids, ids[::-1])
        )
    )

    assert (await processes[0].counts())["CHK"] == 200


async def test_records_are_ready_when_nothing_waits(records: Records) -> None:
    assert records.ready


def received(mail_id: str, minutes: float) -> Mail:
    mail = a_mail(mail_id)
    return a_mail(mail_id, envelope=replace(mail.envelope, received_at=after(minutes)))


async def test_what_processes_count_is_added(open_records: Open) -> None:
    one, other = await open_records(), await open_records()
    one.count(Counter.RECEIVED_MESSAGES)
    one.count(Counter.RECEIVED_BYTES, 2000)
    other.count(Counter.RECEIVED_MESSAGES, 2)
    await one.close()
    other.note(Moved(ID, NOON, "WFC"))  # what is counted goes with what is noted, and by itself
    await other.close()

    reader = await open_records()
    statistics = await reader.statistics()

    assert statistics[Counter.RECEIVED_MESSAGES] == 3
    assert statistics[Counter.RECEIVED_BYTES] == 2000
    assert statistics[Counter.SENT_MESSAGES] == 0


async def test_what_the_processes_of_a_launch_count_can_be_told_from_the_others(open_records: Open) -> None:
    for launch, messages in (("5a", 1), ("5a", 2), ("5b", 4), ("", 8)):
        records = await open_records(launch=launch)
        records.count(Counter.RECEIVED_MESSAGES, messages)
        await records.close()

    reader = await open_records()

    assert (await reader.statistics("5a"))[Counter.RECEIVED_MESSAGES] == 3
    assert (await reader.statistics())[Counter.RECEIVED_MESSAGES] == 15


async def test_it_is_known_since_when_is_counted(open_records: Open) -> None:
    records = await open_records()
    assert await records.counting_began() is None
    records.count(Counter.RECEIVED_MESSAGES)
    await records.close()

    began = await (await open_records()).counting_began()

    assert began is not None
    assert datetime.now(UTC) - timedelta(hours=1) <= began <= datetime.now(UTC)


async def test_counts_are_written_by_themselves(open_records: Open) -> None:
    records = await open_records(Pace(write_every=0.01))
    records.count(Counter.SENT_MESSAGES)
    await until_counted(records, Counter.SENT_MESSAGES, 1)
    records.count(Counter.SENT_MESSAGES)

    await until_counted(records, Counter.SENT_MESSAGES, 2)


async def test_a_peak_is_the_most_at_once_of_all_processes_together(open_records: Open) -> None:
    one, other = await open_records(), await open_records()
    for value in (3, 7, 5):
        one.reach(Peak.INCOMING_CONNECTIONS, value)
    other.reach(Peak.INCOMING_CONNECTIONS, 2)
    await one.close()
    await other.close()

    statistics = await (await open_records()).statistics()

    assert statistics[Peak.INCOMING_CONNECTIONS] == 9


async def until_counted(records: Records, counter: Counter, value: int) -> None:
    async with asyncio.timeout(30):
        while (await records.statistics())[counter] != value:
            await asyncio.sleep(0.01)


async def test_so_many_notices_are_permitted_to_an_address_within_an_hour(open_records: Open) -> None:
    one, other = (await open_records()).notices, (await open_records()).notices

    permitted = [
        await one.permit("a@site.example", "n1", NOON, 2),
        await other.permit("A@site.example", "n2", after(30), 2),
        await one.permit("a@site.example", "n3", after(59), 2),
        await one.permit("a@site.example", "n1", after(59), 2),
        await one.permit("b@site.example", "n3", after(59), 2),
        await other.permit("a@site.example", "n4", after(60), 2),
        await other.permit("a@site.example", "n5", after(60), 2),
        await other.permit("a@site.example", "n6", after(60), 0),
    ]

    assert permitted == [True, True, False, True, True, True, False, False]
