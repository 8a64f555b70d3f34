from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from gateway.blobs.memory import MemoryBlobs
from gateway.blobs.port import MissingBody
from gateway.domain.journey import Ended, Ending, Scanned
from gateway.domain.mail import POLICY, Edit, Mail
from gateway.domain.message import composed
from gateway.domain.pipeline import Finished, Onward
from gateway.domain.policy import ObjectAction, ObjectStatus, Policy, SpamStatus, fingerprint
from gateway.domain.statistics import Counter, nobody_counts
from gateway.domain.storage import Storage, StorageKind
from gateway.domain.template import compile_template
from gateway.runtime.isolation import IsolationPool
from gateway.runtime.logs import ACTIVITY
from services.scanner.engines.panel import Panel
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.judging import Rules
from services.scanner.look import Means
from services.scanner.looking import Examiner
from services.scanner.placeholder import Gate
from services.scanner.statistics import open_statistics
from services.scanner.worker import GroupRules, ScannerWorker
from tests.support.mails import NOON, a_mail
from tests.support.notices import a_notifier
from tests.support.parts import TEST_FILE, a_message, a_text, an_attachment
from tests.support.policies import a_policy
from tests.support.storages import Shelf

TEMPLATE = compile_template("%OBJECT_NAME% is %STATUS% (%VIRUS%), see %QUEUE_ID%")
DISCLAIMER = compile_template("Checked by %HOSTNAME%")
INFECTED = a_message(a_text(), an_attachment(TEST_FILE))
INFECTED_IS_REPLACED = a_policy(object_actions={ObjectStatus.INFECTED: ObjectAction.PLACEHOLDER})


def a_worker(
    blobs: MemoryBlobs,
    policy: Policy,
    groups: Mapping[str, Policy] | None = None,
    *,
    cure: bool = False,
    shelf: Shelf | None = None,
    count: Callable[[Counter], None] = nobody_counts,
) -> ScannerWorker:
    means = Means(Panel([StandardTestFile()]), IsolationPool(), Rules(cure=cure), timeout=20.0)
    return ScannerWorker(
        blobs,
        Examiner(means),
        {
            name: GroupRules(rules, TEMPLATE, DISCLAIMER)
            for name, rules in {POLICY: policy, **(groups or {})}.items()
        },
        Gate("gw.site.example", "Mailwarden 0.1.0"),
        (shelf or Shelf()).storages(blobs),
        Storage(StorageKind.OUTGOING, "/arch_out" if shelf else ""),
        open_statistics(None),
        a_notifier(blobs),
        count=count,
        now=lambda: NOON,
    )


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


async def stored(blobs: MemoryBlobs, message: bytes, **changes: object) -> Mail:
    writer = blobs.create("AbCdEfGh12345")
    await writer.write(message)
    return replace(a_mail(body=await writer.commit()), **changes)  # type: ignore[arg-type]  # fields of Mail


async def test_clean_mail_goes_on_as_it_came(blobs: MemoryBlobs) -> None:
    policy = a_policy()
    mail = await stored(blobs, a_message(a_text()))

    outcome = await a_worker(blobs, policy).handle(mail)

    assert isinstance(outcome, Onward)
    assert outcome.mail == mail
    (scanned,) = outcome.events
    assert isinstance(scanned, Scanned)
    assert (scanned.status, scanned.policy, scanned.bases) == (
        ObjectStatus.CLEAN,
        fingerprint(policy),
        "20031024 #7",
    )


async def test_an_infected_object_makes_place_for_a_text_that_says_so(blobs: MemoryBlobs) -> None:
    mail = await stored(blobs, INFECTED)

    outcome = await a_worker(blobs, INFECTED_IS_REPLACED).handle(mail)

    assert isinstance(outcome, Onward)
    after = composed(outcome.mail, INFECTED)
    assert b"\r\n\r\neicar.com is infected (EICAR-Test-File), see AbCdEfGh12345\r\n--" in after
    (scanned,) = outcome.events
    assert isinstance(scanned, Scanned)
    assert [(found.path, found.name, found.status, found.action) for found in scanned.objects] == [
        ("1", "", ObjectStatus.CLEAN, ObjectAction.PASS),
        ("2", "eicar.com", ObjectStatus.INFECTED, ObjectAction.PLACEHOLDER),
    ]


async def test_a_cured_object_takes_the_place_of_the_infected_one(blobs: MemoryBlobs) -> None:
    message = a_message(a_text(), an_attachment(b"CURE-" + TEST_FILE, encoding="7bit"))
    policy = a_policy(object_actions={ObjectStatus.DISINFECTED: ObjectAction.CURE})
    mail = await stored(blobs, message)

    outcome = await a_worker(blobs, policy, cure=True).handle(mail)

    assert isinstance(outcome, Onward)
    assert composed(outcome.mail, message) == message.replace(b"CURE-" + TEST_FILE, b"CURE")


async def test_what_antispam_changed_stays_changed(blobs: MemoryBlobs) -> None:
    place = INFECTED.index(b"hello")
    label = Edit(place, place, b"[!! SPAM] ")
    mail = await stored(blobs, INFECTED, edits=(label,), top=b"X-SpamTest-Status: Spam\r\n")

    outcome = await a_worker(blobs, INFECTED_IS_REPLACED).handle(mail)

    assert isinstance(outcome, Onward)
    after = composed(outcome.mail, INFECTED)
    assert after.startswith(b"X-SpamTest-Status: Spam\r\n")
    assert b"Subject: [!! SPAM] hello\r\n" in after
    assert b"is infected" in after


async def test_a_listed_status_blocks_the_mail_and_says_which(
    blobs: MemoryBlobs, caplog: pytest.LogCaptureFixture
) -> None:
    mail = await stored(blobs, INFECTED, spam=SpamStatus.PROBABLE)
    policy = a_policy(block=frozenset({ObjectStatus.INFECTED}))

    with caplog.at_level(ACTIVITY):
        outcome = await a_worker(blobs, policy).handle(mail)

    assert isinstance(outcome, Finished)
    scanned, ended = outcome.events
    assert isinstance(scanned, Scanned)
    assert ended == Ended(mail.id, NOON, Ending.BLOCKED, "infected")
    assert [record.getMessage().partition(",")[0] for record in caplog.records] == ["SCANNED", "BLOCKED"]
    assert 'status="as/probable, infected"' in caplog.messages[0]
    assert 'names="EICAR-Test-File"' in caplog.messages[0]


async def test_a_copy_for_the_quarantine_is_the_message_as_it_came(blobs: MemoryBlobs) -> None:
    shelf = Shelf()
    policy = replace(
        INFECTED_IS_REPLACED,
        quarantine=frozenset({ObjectStatus.ERROR, ObjectStatus.INFECTED}),
        av_quarantine_path="/quarantine/av",
    )
    marked = await stored(
        blobs, INFECTED, top=b"X-SpamTest-Status: Spam\r\nReceived: x\r\n", edits=(Edit(0, 0, b"Y: z\r\n"),)
    )

    outcome = await a_worker(blobs, policy, shelf=shelf).handle(marked)

    assert isinstance(outcome, Onward)
    [entry] = shelf.kept
    assert (entry.storage, entry.status) == ("/quarantine/av", "av/infected")
    assert shelf.message(entry) == b"Received: x\r\n" + INFECTED


async def test_what_is_blocked_is_kept_in_the_archive_as_it_was_then(blobs: MemoryBlobs) -> None:
    shelf = Shelf()
    mail = await stored(blobs, INFECTED, top=b"X-SpamTest-Status: Spam\r\n")
    policy = a_policy(block=frozenset({ObjectStatus.INFECTED}))

    await a_worker(blobs, policy, shelf=shelf).handle(mail)

    [entry] = shelf.kept
    assert (entry.storage, entry.status) == ("/arch_out", "av/infected")
    assert shelf.message(entry) == b"X-SpamTest-Status: Spam\r\n" + INFECTED


async def test_what_a_policy_filters_is_treated_as_filtered_in_its_group_alone(blobs: MemoryBlobs) -> None:
    filtering = a_policy(
        include_by_name=("*.com",), object_actions={ObjectStatus.FILTERED: ObjectAction.PLACEHOLDER}
    )
    worker = a_worker(blobs, filtering, {"scanning": INFECTED_IS_REPLACED})

    site = await worker.handle(await stored(blobs, INFECTED))
    scanning = await worker.handle(await stored(blobs, INFECTED, group="scanning"))

    assert isinstance(site, Onward)
    assert isinstance(scanning, Onward)
    assert b"eicar.com is filtered" in composed(site.mail, INFECTED)
    assert b"eicar.com is infected" in composed(scanning.mail, INFECTED)


async def test_the_disclaimer_stands_under_the_text_whatever_else_changes(blobs: MemoryBlobs) -> None:
    mail = await stored(blobs, INFECTED)

    outcome = await a_worker(blobs, replace(INFECTED_IS_REPLACED, add_disclaimer=True)).handle(mail)

    assert isinstance(outcome, Onward)
    after = composed(outcome.mail, INFECTED)
    assert b"Hello.\r\n\r\nChecked by gw.site.example\r\n\r\n--" in after
    assert b"eicar.com is infected" in after


async def test_a_message_that_is_left_without_disclaimer_says_why(blobs: MemoryBlobs) -> None:
    signed = a_message(a_text(), kind="signed")

    outcome = await a_worker(blobs, a_policy(add_disclaimer=True)).handle(await stored(blobs, signed))

    assert isinstance(outcome, Onward)
    assert composed(outcome.mail, signed) == b"X-Disclaimer: not added, the message is signed\r\n" + signed


async def test_what_was_looked_at_is_counted_by_its_status(blobs: MemoryBlobs) -> None:
    counted: list[Counter] = []
    worker = a_worker(
        blobs, INFECTED_IS_REPLACED, {"unchecked": a_policy(check_av=False)}, count=counted.append
    )

    await worker.handle(await stored(blobs, INFECTED))
    await worker.handle(await stored(blobs, INFECTED, group="unchecked"))

    assert counted == [
        Counter.ANTIVIRAL_MESSAGES,
        Counter.ANTIVIRAL_OBJECTS,
        Counter.OBJECTS_CLEAN,
        Counter.ANTIVIRAL_OBJECTS,
        Counter.OBJECTS_INFECTED,
    ]


async def test_a_group_without_scan_lets_everything_pass_and_says_that_nobody_looked(
    blobs: MemoryBlobs,
) -> None:
    mail = await stored(blobs, INFECTED)
    unchecked = replace(INFECTED_IS_REPLACED, check_av=False, add_x_header=True)

    outcome = await a_worker(blobs, unchecked).handle(mail)

    assert isinstance(outcome, Onward)
    assert outcome.mail.edits == ()
    assert outcome.mail.top == (
        b"X-Anti-Virus: Mailwarden 0.1.0, bases: 20031024 #7, check: 20260302 not_checked\r\n"
    )
    (scanned,) = outcome.events
    assert isinstance(scanned, Scanned)
    assert scanned.status is ObjectStatus.NOT_CHECKED


async def test_the_header_field_on_top_tells_the_worst_status(blobs: MemoryBlobs) -> None:
    mail = await stored(blobs, INFECTED, top=b"X-Older: field\r\n")

    outcome = await a_worker(blobs, a_policy(add_x_header=True)).handle(mail)

    assert isinstance(outcome, Onward)
    assert outcome.mail.top == (
        b"X-Anti-Virus: Mailwarden 0.1.0, bases: 20031024 #7, check: 20260302 infected\r\nX-Older: field\r\n"
    )


async def test_each_group_is_treated_by_its_own_policy(blobs: MemoryBlobs) -> None:
    worker = a_worker(blobs, INFECTED_IS_REPLACED, {"trusting": a_policy()})
    site = await worker.handle(await stored(blobs, INFECTED))
    trusting = await worker.handle(await stored(blobs, INFECTED, group="trusting"))
    gone = await worker.handle(await stored(blobs, INFECTED, group="gone"))

    assert isinstance(site, Onward)
    assert isinstance(trusting, Onward)
    assert isinstance(gone, Onward)
    assert trusting.mail.edits == ()
    assert site.mail.edits == gone.mail.edits != ()


async def test_the_same_mail_twice_gives_the_same_outcome(blobs: MemoryBlobs) -> None:
    worker = a_worker(blobs, replace(INFECTED_IS_REPLACED, add_x_header=True))
    mail = await stored(blobs, INFECTED)

    assert await worker.handle(mail) == await worker.handle(mail)


async def test_a_body_that_is_gone_is_a_fault(blobs: MemoryBlobs) -> None:
    with pytest.raises(MissingBody):
        await a_worker(blobs, a_policy()).handle(a_mail())
