from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from gateway.blobs.memory import MemoryBlobs
from gateway.domain.authentication import Authentication, Result, Spf
from gateway.domain.journey import Finding
from gateway.domain.statistics import Counter, nobody_counts
from gateway.runtime.isolation import IsolationPool
from services.antispam.analysis import Analyst, Rules
from services.antispam.checks import Check
from services.antispam.learning.learned import Learned
from services.antispam.looking import look
from services.antispam.message import Message
from services.antispam.reader import MessageReader
from services.antispam.view import View
from tests.support.content import SHIPPED_KNOWLEDGE
from tests.unit.antispam.test_worker import SPAM, a_mail


def stumbles(view: View) -> Iterator[Finding]:
    yield Finding("half", "what was found before the fault does not count")
    raise ZeroDivisionError("oops")


def finds(view: View) -> Iterator[Finding]:
    facts = view.facts
    yield Finding("finds", f"{facts.client_ip} {facts.helo} {facts.sender} {facts.our_domains}", 1.0)


def an_analyst(
    blobs: MemoryBlobs, *checks: Check, count: Callable[[Counter], None] = nobody_counts
) -> Analyst:
    rules = Rules(our_domains=("own.example",))
    reader = MessageReader(blobs, IsolationPool())
    return Analyst(reader, rules, lambda: SHIPPED_KNOWLEDGE, checks=checks, count=count)


def test_a_check_that_fails_is_left_out_and_the_others_count() -> None:
    looked = look(Message(), SHIPPED_KNOWLEDGE, expired=lambda: False, checks=(stumbles, finds))

    assert [finding.check for finding in looked.findings] == ["finds"]
    assert [(one.check, one.reason) for one in looked.left_out] == [("stumbles", "ZeroDivisionError: oops")]


async def test_a_check_that_fails_is_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    blobs, counted = MemoryBlobs(), list[Counter]()

    with caplog.at_level(logging.ERROR):
        seen = await an_analyst(blobs, stumbles, finds, count=counted.append).analyse(
            await a_mail(blobs, SPAM)
        )

    assert [finding.check for finding in seen.findings] == ["finds"]
    assert counted == [Counter.ANTISPAM_CHECKS_LEFT_OUT]
    assert "the check stumbles failed and was left out: ZeroDivisionError: oops" in caplog.text


async def test_checks_are_told_of_the_envelope() -> None:
    blobs = MemoryBlobs()
    mail = await a_mail(blobs, SPAM)
    mail = replace(mail, envelope=replace(mail.envelope, helo="mx.sender.example"))

    seen = await an_analyst(blobs, finds).analyse(mail)

    assert [finding.detail for finding in seen.findings] == [
        "192.0.2.1 mx.sender.example a@sender.example ('own.example',)"
    ]


async def test_equal_messages_of_other_senders_are_looked_at_anew() -> None:
    blobs = MemoryBlobs()
    analyst = an_analyst(blobs, finds)
    mail = await a_mail(blobs, SPAM)
    other = replace(mail, envelope=replace(mail.envelope, sender="c@other.example"))
    failed = replace(mail, authentication=Authentication(spf=Spf(Result.FAIL)))

    seen = [await analyst.analyse(one) for one in (mail, other, failed, mail)]

    assert "a@sender.example" in seen[0].findings[0].detail
    assert "c@other.example" in seen[1].findings[0].detail
    assert seen[2] is not seen[0]
    assert seen[3] is seen[0]


async def test_what_was_found_is_forgotten_when_more_is_known() -> None:
    blobs, known = MemoryBlobs(), [SHIPPED_KNOWLEDGE]
    analyst = Analyst(MessageReader(blobs, IsolationPool()), Rules(), lambda: known[-1], checks=(finds,))
    mail = await a_mail(blobs, SPAM)
    first, same = await analyst.analyse(mail), await analyst.analyse(mail)

    known.append(replace(SHIPPED_KNOWLEDGE, learned=Learned(number=7)))
    later = await analyst.analyse(mail)

    assert same is first
    assert later is not first
    assert later.knowledge.version == f"{SHIPPED_KNOWLEDGE.database.version}+7"
