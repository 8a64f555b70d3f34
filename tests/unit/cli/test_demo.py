from __future__ import annotations

from email.message import Message

from cli.demo import Fate, outcome, table


def a_message(subject: str, **fields: str) -> Message:
    message = Message()
    message["Subject"] = subject
    for name, value in fields.items():
        message[name] = value
    return message


def test_a_delivered_message_is_shown_with_the_subject_it_arrived_with() -> None:
    told = outcome(
        Fate(("you@office.example",), "delivered", "", ()), a_message("[!! SPAM] =?utf-8?q?caf=C3=A9?=")
    )

    assert told == "delivered as “[!! SPAM] café”"


def test_what_the_scanner_found_and_the_keywords_are_told() -> None:
    fate = Fate(("you@office.example",), "delivered", "", ("file.com was infected",))

    assert outcome(fate, a_message("hello", Keywords="Spam")) == (
        "delivered as “hello”; Keywords: Spam; file.com was infected"
    )


def test_a_message_that_did_not_arrive_is_told_by_its_end() -> None:
    assert outcome(Fate(("you@office.example",), "blocked", "as/spam", ()), None) == "blocked (as/spam)"


def test_a_long_cell_goes_on_below_itself() -> None:
    *_, first, second, _ = table([("a message", "you@office.example", "word " * 20)])

    assert first.startswith("a message")
    assert second.strip().startswith("word")
