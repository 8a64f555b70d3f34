from __future__ import annotations

import pytest

from services.receiver.incoming import MOST_LINE_BYTES, CommandLines, MessageData, Unusable

FALSE_ENDS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r\n.\n",
    b"\r\n.\r\r\n",
    b"\r\n..\r\n",
]


@pytest.mark.parametrize("false_end", FALSE_ENDS)
def test_nothing_but_crlf_dot_crlf_ends_the_data_wherever_it_is_cut(false_end: bytes) -> None:
    sent = b"a" + false_end + b"b\r\n.\r\n"
    for cut in range(len(sent) + 1):
        message = MessageData()

        message.take(sent[:cut])
        if not message.ended:
            message.take(sent[cut:])

        assert message.ended
        assert message.rest == b""


@pytest.mark.parametrize("cut", range(6))
def test_the_end_of_data_is_found_wherever_it_is_cut(cut: int) -> None:
    message, end = MessageData(), b"\r\n.\r\n"

    body = message.take(b"a" + end[:cut]) + (message.take(end[cut:] + b"QUIT") if cut < 5 else b"")

    assert message.ended
    assert body == b"a\r\n"
    assert message.rest == (b"QUIT" if cut < 5 else b"")


def test_an_empty_message_has_no_bytes() -> None:
    message = MessageData()

    body = message.take(b".\r\nNOOP\r\n")

    assert (body, message.ended, message.rest) == (b"", True, b"NOOP\r\n")


def test_bytes_are_given_on_as_they_come_except_what_may_be_the_end() -> None:
    message = MessageData()

    assert message.take(b"first\r\n.") == b"first"
    assert message.take(b"second\r") == b"\r\nsecond"
    assert message.take(b"third") == b"\rthird"


def test_a_line_of_the_greatest_length_is_a_command_and_a_longer_one_is_none() -> None:
    lines = CommandLines()

    lines.add(b"x" * MOST_LINE_BYTES + b"\r\n" + b"x" * (MOST_LINE_BYTES + 1) + b"\r\n")

    assert lines.next() == b"x" * MOST_LINE_BYTES
    assert lines.next() is Unusable.TOO_LONG
    assert lines.next() is None
    assert lines.empty


def test_a_line_without_end_takes_no_more_room_than_a_line_may() -> None:
    lines = CommandLines()
    answers = []

    for _ in range(100):
        lines.add(b"x" * 1000)
        answers.append(lines.next())

    assert answers.count(Unusable.TOO_LONG) == 1
    assert lines.empty


def test_what_follows_a_command_is_left_for_its_data() -> None:
    lines = CommandLines()
    lines.add(b"DATA\r\nmessage\r\n.\r\n")
    lines.next()

    assert lines.rest() == b"message\r\n.\r\n"
    assert lines.empty
