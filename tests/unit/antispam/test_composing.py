"""Written mail: its form, and the messages that are composed of it."""

from __future__ import annotations

import email
import email.policy
from collections import Counter
from importlib.resources import files

import pytest

from services.antispam.database.composing import STYLES, compose
from services.antispam.database.written import BadText, Written, parse, shipped_texts, shipped_words

SOURCES = files("services.antispam.database").joinpath("sources")
TEXTS = shipped_texts()
WORDS = shipped_words()


def test_a_text_has_a_kind_fields_and_lines() -> None:
    source = "== order\nSubject: Thanks\nFrom: Shop\nHello,\n\nyour order\n[See it]\n\n"

    assert list(parse(source, "good", "en.txt")) == [
        Written("en", True, "order", 1, "Thanks", "Shop", ("Hello,", "", "your order", "[See it]"))
    ]


def test_a_text_without_a_subject_is_told_with_its_file_and_line() -> None:
    with pytest.raises(BadText, match=r"bad/de.txt:4: "):
        list(parse("== loans\nSubject: a\nb\n== loans\nno subject\n", "bad", "de.txt"))


def test_a_slot_that_nobody_knows_is_told_with_the_text() -> None:
    (text,) = parse("== order\nSubject: {nothing}\na\n", "good", "en.txt")

    with pytest.raises(BadText, match=r"good/en/1.*nothing"):
        compose(text, WORDS, 0)


def test_the_same_text_and_seed_give_the_same_bytes() -> None:
    for text in TEXTS[::20]:
        assert compose(text, WORDS, 7) == compose(text, WORDS, 7)


def test_seeds_give_other_shapes() -> None:
    assert len({compose(TEXTS[0], WORDS, seed).body for seed in range(20)}) == 20


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)
def test_every_text_becomes_a_whole_message_that_says_what_was_written(text: Written) -> None:
    composed = compose(text, WORDS, 1)
    read = email.message_from_bytes(composed.body, policy=email.policy.default)
    shown = read.get_body(("plain", "html"))

    assert b"{" not in composed.body.partition(b"\r\n\r\n")[0]
    assert b"\r\n" in composed.body
    assert b"\n" not in composed.body.replace(b"\r\n", b"")
    assert not [part.defects for part in read.walk() if part.defects]
    assert shown is not None
    assert len(shown.get_content()) >= sum(map(len, composed.text.lines[:1]))


def test_kinds_of_good_mail_are_known_and_bad_ones_are_categories() -> None:
    categories = {
        line.split("\t")[0]
        for line in SOURCES.joinpath("categories.tsv").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }

    assert {text.kind for text in TEXTS if text.good} <= set(STYLES)
    assert {text.kind for text in TEXTS if not text.good} <= categories


def test_no_text_is_written_twice() -> None:
    counts = Counter("\n".join(text.lines) for text in TEXTS)

    assert [lines for lines, count in counts.items() if count > 1] == []


def test_good_and_bad_mail_come_in_the_same_shapes() -> None:
    shapes: dict[bool, set[str]] = {True: set(), False: set()}
    for text in TEXTS:
        for seed in range(3):
            head = compose(text, WORDS, seed).body.partition(b"\r\n\r\n")[0].decode("utf-8")
            shapes[text.good] |= {
                line.partition(":")[0] for line in head.split("\r\n") if line[0] not in "\t "
            }

    assert shapes[False] <= shapes[True]
    assert {"List-Unsubscribe-Post", "Feedback-ID", "DKIM-Signature", "X-Mailer"} <= shapes[False]
