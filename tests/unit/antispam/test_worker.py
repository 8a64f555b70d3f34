from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, repeat

import pytest

from gateway.blobs.memory import MemoryBlobs
from gateway.domain.headers import fields, named, raw_value
from gateway.domain.journey import Analysed, Ended, Ending
from gateway.domain.mail import BodyRef, Envelope, Mail, Recipient
from gateway.domain.message import composed
from gateway.domain.pipeline import Finished, Onward
from gateway.domain.policy import Degree, Policy, SpamAction, SpamStatus, fingerprint
from gateway.domain.statistics import Counter, nobody_counts
from gateway.domain.storage import Storage, StorageKind
from gateway.runtime.isolation import IsolationPool
from gateway.runtime.logs import ACTIVITY
from services.antispam.analysis import Analyst, Rules
from services.antispam.reader import MOST_READ, MessageReader
from services.antispam.worker import AntispamWorker
from tests.support.content import SHIPPED_DATABASE, SHIPPED_KNOWLEDGE
from tests.support.notices import a_notifier
from tests.support.policies import a_policy
from tests.support.storages import Shelf

NOW = datetime(2026, 1, 5, tzinfo=UTC)
POLICY = a_policy(action_spam=SpamAction.SUBJECT)
SPAM = b"Subject: spam is bad do not send it\r\n\r\nbody\r\n"


class CountingBlobs(MemoryBlobs):
    """Counts the bytes that were read, and can be told never to answer."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_read = 0
        self.silent = False

    async def chunks(self, body: BodyRef, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        if self.silent:
            await asyncio.Event().wait()
        async for piece in super().chunks(body, start, end):
            self.bytes_read += len(piece)
            yield piece


@pytest.fixture
def blobs() -> CountingBlobs:
    return CountingBlobs()


async def a_mail(blobs: MemoryBlobs, raw: bytes, *, mail_id: str = "a", group: str = "") -> Mail:
    writer = blobs.create(mail_id)
    await writer.write(raw)
    envelope = Envelope(
        sender="a@sender.example",
        recipients=(Recipient("b@own.example"),),
        client_ip="192.0.2.1",
        received_at=NOW,
    )
    return Mail(
        id=mail_id,
        source_id=mail_id,
        envelope=envelope,
        body=await writer.commit(),
        group=group,
        top=b"Received: x\r\n",
    )


def a_worker(
    blobs: MemoryBlobs,
    rules: Rules | None = None,
    policy: Policy = POLICY,
    shelf: Shelf | None = None,
    count: Callable[[Counter], None] = nobody_counts,
    degree: Degree = Degree.STANDARD,
    clock: Callable[[], float] = time.monotonic,
    pool: IsolationPool | None = None,
    **groups: Policy,
) -> AntispamWorker:
    reader = MessageReader(blobs, pool or IsolationPool())
    return AntispamWorker(
        Analyst(reader, rules or Rules(), lambda: SHIPPED_KNOWLEDGE, count=count, clock=clock),
        {"": policy} | groups,
        degree,
        (shelf or Shelf()).storages(blobs),
        Storage(StorageKind.OUTGOING, "/arch_out" if shelf else ""),
        a_notifier(blobs),
        version="0.1.0",
        licensed=lambda: True,
        count=count,
        now=lambda: NOW,
    )


async def test_spam_is_marked_recorded_and_sent_on(blobs: CountingBlobs) -> None:
    mail = await a_mail(blobs, SPAM)

    outcome = await a_worker(blobs).handle(mail)

    assert isinstance(outcome, Onward)
    assert outcome.mail.spam is SpamStatus.SPAM
    assert outcome.mail.top.startswith(b"X-SpamTest-Status: Spam\r\n")
    assert outcome.mail.top.endswith(b"Received: x\r\n")
    sent = composed(outcome.mail, SPAM)
    assert sent.endswith(b"Subject: [!! SPAM] spam is bad do not send it\r\n\r\nbody\r\n")
    [event] = outcome.events
    assert isinstance(event, Analysed)
    assert event.turning
    assert event.turning.decisive == event.turning.together == ("spam_phrase",)
    assert (event.mail_id, event.at, event.status) == ("a", NOW, SpamStatus.SPAM)
    assert (event.policy, event.bases) == (fingerprint(POLICY), SHIPPED_DATABASE.version)
    assert [finding.check for finding in event.findings if finding.score] == ["spam_phrase"]


async def test_a_repeated_step_makes_the_same_mail(blobs: CountingBlobs) -> None:
    mail = await a_mail(blobs, SPAM)

    assert await a_worker(blobs).handle(mail) == await a_worker(blobs).handle(mail)


async def test_mail_that_is_not_to_be_checked_passes_untouched(blobs: CountingBlobs) -> None:
    mail = await a_mail(blobs, b"X-SpamTest-Status: Spam\r\n" + SPAM)

    outcome = await a_worker(blobs, policy=replace(POLICY, check_spam=False)).handle(mail)

    assert outcome == Onward(mail)
    assert blobs.bytes_read == 0


@pytest.mark.parametrize(
    ("subject", "status"),
    [(b"spam is bad do not send it", SpamStatus.SPAM), (b"News and special events May", SpamStatus.PROBABLE)],
)
async def test_a_blocked_status_ends_the_way_of_the_mail(
    blobs: CountingBlobs, caplog: pytest.LogCaptureFixture, subject: bytes, status: SpamStatus
) -> None:
    caplog.set_level(ACTIVITY, logger="gateway.mail")
    mail = await a_mail(blobs, b"Subject: " + subject + b"\r\n\r\n")

    outcome = await a_worker(blobs, policy=replace(POLICY, block=frozenset({status}))).handle(mail)

    assert isinstance(outcome, Finished)
    assert [type(event) for event in outcome.events] == [Analysed, Ended]
    assert outcome.events[-1] == Ended("a", NOW, Ending.BLOCKED, status)
    assert [line.partition(",")[0] for line in caplog.messages] == ["SCANNED", "BLOCKED"]


async def test_a_status_that_is_not_blocked_passes(blobs: CountingBlobs) -> None:
    policy = replace(POLICY, block=frozenset({SpamStatus.PROBABLE}))

    assert isinstance(await a_worker(blobs, policy=policy).handle(await a_mail(blobs, SPAM)), Onward)


async def test_each_group_has_its_own_policy_and_a_group_that_is_gone_the_sites(blobs: CountingBlobs) -> None:
    worker = a_worker(blobs, quiet=replace(POLICY, action_spam=SpamAction.NONE))

    outcomes = {
        group: await worker.handle(await a_mail(blobs, SPAM, group=group)) for group in ("", "quiet", "gone")
    }

    edits = {group: outcome.mail.edits for group, outcome in outcomes.items() if isinstance(outcome, Onward)}
    assert edits[""] == edits["gone"] != ()
    assert edits["quiet"] == ()


async def test_copies_of_a_message_are_analysed_once(blobs: CountingBlobs) -> None:
    worker = a_worker(blobs)
    first = await worker.handle(await a_mail(blobs, SPAM, mail_id="a"))
    read = blobs.bytes_read
    second = await worker.handle(await a_mail(blobs, SPAM, mail_id="b"))

    assert blobs.bytes_read == read
    assert isinstance(first, Onward)
    assert isinstance(second, Onward)
    assert first.mail.top == second.mail.top


async def test_of_a_large_message_the_beginning_and_the_end_are_read(blobs: CountingBlobs) -> None:
    pool = IsolationPool()

    outcome = await a_worker(blobs, pool=pool).handle(await a_mail(blobs, SPAM + b"x" * 3_000_000))
    await pool.close()

    assert blobs.bytes_read <= MOST_READ
    assert isinstance(outcome, Onward)
    assert outcome.mail.spam is SpamStatus.SPAM


async def test_a_long_header_is_read_whole(blobs: CountingBlobs) -> None:
    raw = b"X-Long: " + b"x" * 20_000 + b"\r\n" + SPAM

    outcome = await a_worker(blobs).handle(await a_mail(blobs, raw))

    assert isinstance(outcome, Onward)
    assert outcome.mail.spam is SpamStatus.SPAM


async def test_a_message_that_is_too_large_is_not_judged_but_still_cleaned(blobs: CountingBlobs) -> None:
    raw = b"X-SpamTest-Status: Trusted\r\n" + SPAM

    outcome = await a_worker(blobs, Rules(max_size=len(raw) - 1)).handle(await a_mail(blobs, raw))

    assert isinstance(outcome, Onward)
    sent = composed(outcome.mail, raw)
    statuses = [raw_value(sent, field) for field in named(fields(sent), "X-SpamTest-Status")]
    assert statuses == [b"Not detected"]
    [event] = outcome.events
    assert isinstance(event, Analysed)
    assert [finding.check for finding in event.findings] == ["max_size"]


async def test_a_message_of_just_the_largest_size_is_judged(blobs: CountingBlobs) -> None:
    outcome = await a_worker(blobs, Rules(max_size=len(SPAM))).handle(await a_mail(blobs, SPAM))

    assert isinstance(outcome, Onward)
    assert outcome.mail.spam is SpamStatus.SPAM


async def test_a_copy_for_the_quarantine_is_the_message_as_it_came(blobs: CountingBlobs) -> None:
    shelf = Shelf()
    policy = replace(POLICY, quarantine=frozenset(SpamStatus), as_quarantine_path="/quarantine/spam")

    outcome = await a_worker(blobs, policy=policy, shelf=shelf).handle(await a_mail(blobs, SPAM))

    assert isinstance(outcome, Onward)
    [entry] = shelf.kept
    assert (entry.storage, entry.status) == ("/quarantine/spam", "as/spam")
    assert shelf.message(entry) == b"Received: x\r\n" + SPAM


async def test_each_message_is_counted_by_its_status(blobs: CountingBlobs) -> None:
    counted: list[Counter] = []

    await a_worker(blobs, count=counted.append).handle(await a_mail(blobs, SPAM))

    assert counted == [Counter.ANTISPAM_MESSAGES, Counter.SPAM_MESSAGES]


async def test_those_whom_the_policy_lists_are_told_of_spam(blobs: CountingBlobs) -> None:
    policy = replace(
        POLICY, notify_recipient=frozenset({SpamStatus.SPAM}), block=frozenset({SpamStatus.SPAM})
    )

    outcome = await a_worker(blobs, policy=policy).handle(await a_mail(blobs, SPAM))

    assert isinstance(outcome, Finished)
    [notice] = outcome.created
    assert [to.address for to in notice.envelope.recipients] == ["b@own.example"]
    assert b"A message to you was not delivered" in await blobs.read(notice.body)
    assert b"Spam filter: Spam\r\n" in await blobs.read(notice.body)


async def test_what_is_blocked_is_kept_in_the_archive_with_its_marks(blobs: CountingBlobs) -> None:
    shelf = Shelf()
    policy = replace(POLICY, block=frozenset({SpamStatus.SPAM}))

    await a_worker(blobs, policy=policy, shelf=shelf).handle(await a_mail(blobs, SPAM))

    [entry] = shelf.kept
    assert (entry.storage, entry.status) == ("/arch_out", "as/spam")
    assert shelf.message(entry).startswith(b"X-SpamTest-Status: Spam\r\n")
    assert b"\r\nSubject: [!! SPAM] spam is bad" in shelf.message(entry)


async def test_mail_that_no_list_names_is_kept_nowhere(blobs: CountingBlobs) -> None:
    shelf = Shelf()
    policy = replace(
        POLICY, quarantine=frozenset({SpamStatus.PROBABLE}), as_quarantine_path="/quarantine/spam"
    )

    await a_worker(blobs, policy=policy, shelf=shelf).handle(await a_mail(blobs, SPAM))

    assert shelf.kept == []


async def test_when_the_time_is_over_the_mail_passes_as_not_detected(
    blobs: CountingBlobs, caplog: pytest.LogCaptureFixture
) -> None:
    mail = await a_mail(blobs, SPAM)
    blobs.silent = True

    with caplog.at_level(logging.WARNING):
        outcome = await a_worker(blobs, Rules(timeout=0.01)).handle(mail)

    assert isinstance(outcome, Onward)
    assert outcome.mail.spam is SpamStatus.NOT_DETECTED
    assert [record.__dict__["mail_id"] for record in caplog.records] == ["a"]


async def test_a_look_that_was_given_up_is_not_remembered(blobs: CountingBlobs) -> None:
    mail = await a_mail(blobs, SPAM)
    ticks = chain([0.0, 31.0], repeat(40.0))
    worker = a_worker(blobs, clock=lambda: next(ticks))

    outcomes = [await worker.handle(mail), await worker.handle(mail)]

    statuses = [outcome.mail.spam for outcome in outcomes if isinstance(outcome, Onward)]
    assert statuses == [SpamStatus.NOT_DETECTED, SpamStatus.SPAM]


@pytest.mark.parametrize("raw", [b"\r\nno header\r\n", b"\r\n", b"Subject: spam is bad do not send it"])
async def test_odd_messages_get_a_status(blobs: CountingBlobs, raw: bytes) -> None:
    outcome = await a_worker(blobs).handle(await a_mail(blobs, raw))

    assert isinstance(outcome, Onward)
    assert outcome.mail.spam is not None
    composed(outcome.mail, raw)


@pytest.mark.parametrize("degree", Degree)
async def test_the_degree_names_the_profile(blobs: CountingBlobs, degree: Degree) -> None:
    outcome = await a_worker(blobs, degree=degree).handle(await a_mail(blobs, SPAM))

    assert isinstance(outcome, Onward)
    assert (
        f"Profile: Detect {degree.capitalize()} No RBL ({SHIPPED_DATABASE.edition})".encode()
        in outcome.mail.top
    )
