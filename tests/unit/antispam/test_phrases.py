from __future__ import annotations

import pytest

from gateway.domain.journey import Finding
from gateway.domain.policy import Degree, SpamStatus
from services.antispam.categories import FORMAL, OBSCENE
from services.antispam.looking import look
from services.antispam.marking import METHODS
from services.antispam.message import MOST_SUBJECTS, read_message
from services.antispam.scoring import THRESHOLDS, categories_of, status_of, weigh
from tests.support.content import SHIPPED_KNOWLEDGE

PHRASES = {"spam_phrase", "probable_phrase", "formal"}

REPLIES = "Automatic replies"  # a kind of formal messages that the content database knows


def found_in(subject: bytes) -> tuple[Finding, ...]:
    return phrases_in(
        b"From: Ann <ann@b.example>\r\nTo: bob@own.example\r\nDate: Mon, 5 Jan 2026 10:00:00 +0000\r\n"
        b"Message-ID: <1@b.example>\r\nSubject: " + subject + b"\r\n\r\nbody\r\n"
    )


def phrases_in(raw: bytes) -> tuple[Finding, ...]:
    return look(read_message(raw), SHIPPED_KNOWLEDGE, expired=lambda: False).findings


@pytest.mark.parametrize("degree", Degree)
@pytest.mark.parametrize(
    ("subject", "status", "categories"),
    [
        (b"spam is bad do not send it", SpamStatus.SPAM, ()),
        (b"Re: SPAM is Bad, do not send it", SpamStatus.NOT_DETECTED, ()),
        (b"Fwd: SPAM IS BAD do not send it!", SpamStatus.SPAM, ()),
        (b"spam is bad\r\n do not send it", SpamStatus.SPAM, ()),
        (b"=?utf-8?b?c3BhbSBpcyBiYWQgZG8gbm90?=\r\n =?iso-8859-1?q?_send_it?=", SpamStatus.SPAM, ()),
        (b"t h i s i s n o t s p a m", SpamStatus.SPAM, ()),
        (b"T h i s   i s   n o t   s p a m", SpamStatus.SPAM, ()),
        (b"News and special events May", SpamStatus.PROBABLE, ()),
        (b"[list] news and special events may 2006", SpamStatus.PROBABLE, ()),
        (b"Out of Office AutoReply", SpamStatus.NOT_DETECTED, (FORMAL, REPLIES)),
        (b"Out of Office AutoReply: bullshit", SpamStatus.NOT_DETECTED, (FORMAL, REPLIES, OBSCENE)),
        (b"What BULLSHIT is this?", SpamStatus.NOT_DETECTED, (OBSCENE,)),
        ("Какое дерьмо".encode(), SpamStatus.NOT_DETECTED, (OBSCENE,)),
        ("Scheiße".encode("latin-1"), SpamStatus.NOT_DETECTED, (OBSCENE,)),
        (b"Mishit by the ball", SpamStatus.NOT_DETECTED, ()),
        (b"Lunch", SpamStatus.NOT_DETECTED, ()),
        (b"", SpamStatus.NOT_DETECTED, ()),
    ],
)
def test_a_test_phrase_in_the_subject_leads_to_its_status(
    degree: Degree, subject: bytes, status: SpamStatus, categories: tuple[str, ...]
) -> None:
    findings = found_in(subject)

    assert status_of(weigh(findings, degree), degree) == status
    assert categories_of(findings) == categories


def test_a_phrase_outside_the_subject_is_none() -> None:
    found = phrases_in(b"X-Subject: spam is bad do not send it\r\n\r\nspam is bad do not send it\r\n")

    assert not PHRASES & {finding.check for finding in found}


def test_a_phrase_is_found_in_whichever_subject_holds_it() -> None:
    findings = phrases_in(b"Subject: hello\r\nSubject: spam is bad do not send it\r\n\r\n")

    assert status_of(weigh(findings, Degree.SOFT), Degree.SOFT) is SpamStatus.SPAM


def test_two_subjects_do_not_make_one_phrase() -> None:
    found = phrases_in(b"Subject: spam is bad\r\nSubject: do not send it\r\n\r\n")

    assert not PHRASES & {finding.check for finding in found}


def test_what_scores_is_named_as_a_method() -> None:
    found = weigh(found_in(b"spam is bad do not send it, News and special events May"), Degree.STANDARD)

    assert {finding.check for finding in found if finding.score} <= METHODS.keys()


def test_a_look_that_takes_too_long_is_given_up() -> None:
    message = read_message(b"Subject: spam is bad do not send it\r\n\r\n")

    with pytest.raises(TimeoutError):
        look(message, SHIPPED_KNOWLEDGE, expired=lambda: True)


def test_endless_subjects_are_read_in_part() -> None:
    message = read_message(b"Subject: =?utf-8?q?x?= =?utf-8?b?eA==?=\r\n" * 20_000 + b"\r\n")

    assert len(message.subjects) == MOST_SUBJECTS


def test_a_harder_degree_asks_for_less() -> None:
    soft, standard, hard = (THRESHOLDS[degree] for degree in Degree)

    assert soft.spam > standard.spam > hard.spam
    assert soft.probable > standard.probable > hard.probable
