from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.headers import fields, named, raw_value, text_value
from gateway.domain.journey import Finding
from gateway.domain.mail import BodyRef, Edit, Envelope, Mail
from gateway.domain.message import composed, with_edits
from gateway.domain.policy import Degree, SpamAction, SpamStatus
from services.antispam.categories import FORMAL, OBSCENE, SEMINARS
from services.antispam.marking import LONGEST_LINE, MOST_EDITS, Filter, Marks, Verdict, label_of, mark
from services.antispam.message import read_message
from tests.support.content import SHIPPED_DATABASE

CATEGORIES = SHIPPED_DATABASE.categories
FILTER = Filter("0.1.0", Degree.STANDARD, "1/260105", CATEGORIES)
SPAM = Verdict(SpamStatus.SPAM, (), (Finding("spam_phrase", "seen", 100.0),))
PROBABLE = Verdict(SpamStatus.PROBABLE, (SEMINARS,), (Finding("probable_phrase", "seen", 7.0),))
CLEAN = Verdict(SpamStatus.NOT_DETECTED, (), ())


def marked(raw: bytes, verdict: Verdict, action: SpamAction) -> bytes:
    return applied(raw, mark(read_message(raw), verdict, action, FILTER))


def applied(raw: bytes, marks: Marks) -> bytes:
    envelope = Envelope(sender="", recipients=(), client_ip="192.0.2.1", received_at=datetime.now(UTC))
    mail = Mail(id="a", source_id="a", envelope=envelope, body=BodyRef("0-a", len(raw)), top=marks.top)
    return composed(with_edits(mail, marks.edits), raw)


def values(raw: bytes, name: str) -> list[bytes]:
    return [raw_value(raw, field) for field in named(fields(raw), name)]


@pytest.mark.parametrize(
    ("verdict", "lines"),
    [
        (
            SPAM,
            b"X-SpamTest-Status: Spam\r\n"
            b"X-SpamTest-Method: Content: Spam\r\n"
            b"X-SpamTest-Info: Profile: Detect Standard No RBL (1/260105)\r\n"
            b"X-SpamTest-Version: SMTP-Filter Version 0.1.0, Mailwarden/Release\r\n",
        ),
        (
            Verdict(SpamStatus.NOT_DETECTED, (FORMAL, OBSCENE), ()),
            b"X-SpamTest-Status: Not detected\r\n"
            b"X-SpamTest-Categories: Formal Messages, Obscene\r\n"
            b"X-SpamTest-Info: Profile: Formal (1/260105)\r\n"
            b"X-SpamTest-Info: Profile: Detect Standard No RBL (1/260105)\r\n"
            b"X-SpamTest-Version: SMTP-Filter Version 0.1.0, Mailwarden/Release\r\n",
        ),
    ],
)
def test_the_fields_on_top_tell_status_method_categories_profiles_and_version(
    verdict: Verdict, lines: bytes
) -> None:
    marks = mark(read_message(b"Subject: hi\r\n\r\n"), verdict, SpamAction.NONE, FILTER)

    assert marks == Marks(lines, ())


def test_probable_spam_says_so() -> None:
    raw = marked(b"Subject: hi\r\n\r\n", PROBABLE, SpamAction.NONE)

    assert values(raw, "X-SpamTest-Status") == [b"Probable Spam"]
    assert values(raw, "X-SpamTest-Method") == [b"Content: Probable Spam"]
    assert text_value(raw, next(named(fields(raw), "X-SpamTest-Categories"))) == f'"{SEMINARS}"'


@pytest.mark.parametrize(
    ("status", "categories", "label"),
    [
        (SpamStatus.SPAM, (), "[!! SPAM]"),
        (SpamStatus.SPAM, (SEMINARS, OBSCENE), "[!! SPAM]"),
        (SpamStatus.PROBABLE, (), "[?? Probable Spam]"),
        (SpamStatus.PROBABLE, (OBSCENE,), "[?? Probable Spam]"),
        (SpamStatus.PROBABLE, (SEMINARS,), "[?? Seminars etc.]"),
        (SpamStatus.NOT_DETECTED, (OBSCENE,), "[--Obscene--]"),
        (SpamStatus.NOT_DETECTED, (FORMAL,), "[--Formal Messages--]"),
        (SpamStatus.NOT_DETECTED, (FORMAL, OBSCENE), "[--Obscene--]"),
        (SpamStatus.NOT_DETECTED, (SEMINARS,), ""),
        (SpamStatus.NOT_DETECTED, (), ""),
    ],
)
def test_status_and_category_give_the_label(
    status: SpamStatus, categories: tuple[str, ...], label: str
) -> None:
    assert label_of(Verdict(status, categories, ()), CATEGORIES) == label


@pytest.mark.parametrize(
    ("subject", "labelled"),
    [
        (b"Subject: Buy now\r\n", b"Subject: [!! SPAM] Buy now\r\n"),
        (b"Subject:Buy now\r\n", b"Subject: [!! SPAM] Buy now\r\n"),
        (b"SUBJECT :\tBuy  now \r\n", b"SUBJECT :\t[!! SPAM] Buy  now \r\n"),
        (b"Subject:\r\n folded\r\n\there\r\n", b"Subject:\r\n [!! SPAM] folded\r\n\there\r\n"),
        (b"Subject: =?koi8-r?B?0w==?=\r\n", b"Subject: [!! SPAM] =?koi8-r?B?0w==?=\r\n"),
        (b"Subject: \xe9t\xe9\r\n", b"Subject: [!! SPAM] \xe9t\xe9\r\n"),
        (b"Subject:\r\n", b"Subject: [!! SPAM]\r\n"),
        (b"Subject: \r\n", b"Subject: [!! SPAM] \r\n"),
        (b"Subject: a\r\nSubject: b\r\n", b"Subject: [!! SPAM] a\r\nSubject: [!! SPAM] b\r\n"),
    ],
)
def test_the_label_stands_before_the_subject_and_the_rest_stays(subject: bytes, labelled: bytes) -> None:
    raw = b"From: a@b.example\r\n" + subject + b"To: c@d.example\r\n\r\nSubject: no\r\n"

    assert marked(raw, SPAM, SpamAction.SUBJECT).endswith(raw.replace(subject, labelled))


def test_a_message_without_subject_gets_one_that_is_the_label() -> None:
    raw = b"From: a@b.example\r\n\r\nbody\r\n"
    out = marked(raw, SPAM, SpamAction.SUBJECT)

    assert values(out, "Subject") == [b"[!! SPAM]"]
    assert out.endswith(raw)


def test_a_label_makes_no_line_too_long() -> None:
    subject = b"x" * (LONGEST_LINE - len(b"Subject: "))
    out = marked(b"Subject: " + subject + b"\r\n\r\n", SPAM, SpamAction.SUBJECT)

    assert max(map(len, out.split(b"\r\n"))) <= LONGEST_LINE
    assert text_value(out, next(named(fields(out), "Subject"))) == "[!! SPAM] " + subject.decode()


def test_mail_without_a_label_keeps_its_subject() -> None:
    raw = b"Subject: hi\r\n\r\nbody\r\n"

    assert mark(read_message(raw), CLEAN, SpamAction.SUBJECT, FILTER).edits == ()


@pytest.mark.parametrize(
    ("verdict", "keywords"),
    [
        (SPAM, [b"Spam"]),
        (Verdict(SpamStatus.SPAM, (OBSCENE, FORMAL), ()), [b"Spam, Obscene, Formal Messages"]),
        (Verdict(SpamStatus.PROBABLE, (OBSCENE,), ()), [b"Probable Spam, Obscene"]),
        (Verdict(SpamStatus.NOT_DETECTED, (OBSCENE,), ()), [b"Obscene"]),
        (CLEAN, []),
    ],
)
def test_keywords_tell_status_and_categories_and_foreign_ones_go(
    verdict: Verdict, keywords: list[bytes]
) -> None:
    raw = b"Keywords: Not\r\n spam\r\nSubject: hi\r\nkeywords: honest\r\n\r\nbody\r\n"
    out = marked(raw, verdict, SpamAction.KEYWORDS)

    assert values(out, "Keywords") == keywords
    assert out.endswith(b"Subject: hi\r\n\r\nbody\r\n")


@pytest.mark.parametrize("action", [SpamAction.SUBJECT, SpamAction.NONE])
def test_other_actions_leave_keywords_alone(action: SpamAction) -> None:
    assert values(marked(b"Keywords: mine\r\n\r\n", SPAM, action), "Keywords") == [b"mine"]


@pytest.mark.parametrize("action", SpamAction)
def test_filter_fields_from_outside_go(action: SpamAction) -> None:
    raw = (
        b"X-SpamTest-Status: Trusted\r\nx-spamtest-rate:\r\n 0\r\nSubject: hi\r\n"
        b"X-SPAMTEST-Status: Not detected\r\nX-SpamTester: stays\r\n\r\nX-SpamTest-Status: body\r\n"
    )
    out = marked(raw, SPAM, action)

    assert values(out, "X-SpamTest-Status") == [b"Spam"]
    assert values(out, "X-SpamTest-Rate") == []
    assert out.endswith(b"X-SpamTester: stays\r\n\r\nX-SpamTest-Status: body\r\n")


def test_neighbours_that_go_are_one_edit() -> None:
    raw = b"X-SpamTest-A: 1\r\nX-SpamTest-B: 2\r\nTo: x\r\n\r\n"

    assert mark(read_message(raw), CLEAN, SpamAction.NONE, FILTER).edits == (Edit(0, 34),)


def test_a_header_of_nothing_but_foreign_fields_makes_few_edits() -> None:
    raw = b"X-SpamTest-A: 1\r\nSubject: x\r\nKeywords: x\r\nTo: a\r\n" * 5000 + b"\r\n"

    for action in SpamAction:
        assert len(mark(read_message(raw), SPAM, action, FILTER).edits) <= 2 * MOST_EDITS


_LINES = st.lists(
    st.sampled_from(
        [
            b"Subject:",
            b" x",
            b"\t",
            b"",
            b"Keywords: a",
            b"X-SpamTest-Info: b",
            b"no field",
            b"To: \xff",
            b"--",
        ]
    ),
    max_size=12,
)


@given(_LINES, st.sampled_from([SPAM, PROBABLE, CLEAN]), st.sampled_from(SpamAction))
def test_marks_only_add_on_top_label_and_remove_whole_fields(
    lines: list[bytes], verdict: Verdict, action: SpamAction
) -> None:
    raw = b"\r\n".join(lines)
    message = read_message(raw)
    marks = mark(message, verdict, action, FILTER)
    whole_fields = {(field.start, field.end) for field in message.fields}

    applied(raw, marks)
    for edit in marks.edits:
        assert edit.end <= len(message.head)
        starts = {start for start, _ in whole_fields}
        ends = {end for _, end in whole_fields}
        assert edit.start == edit.end or (edit.start in starts and edit.end in ends and not edit.replacement)
    if action is SpamAction.SUBJECT and label_of(verdict, CATEGORIES):
        assert values(applied(raw, marks), "Subject")
