from __future__ import annotations

import re

import pytest

from services.receiver import replies
from services.receiver.replies import Reply

NAMED = [(name, value) for name, value in vars(replies).items() if isinstance(value, Reply)]


@pytest.mark.parametrize(("name", "reply"), NAMED)
def test_every_reply_has_an_enhanced_code_of_its_class(name: str, reply: Reply) -> None:
    if reply is replies.START_MAIL_INPUT:
        assert reply.enhanced == ""
    else:
        assert re.fullmatch(rf"{str(reply.code)[0]}\.\d\.\d+", reply.enhanced), name


@pytest.mark.parametrize(("name", "reply"), NAMED)
def test_a_session_ends_with_221_and_421_and_with_nothing_else(name: str, reply: Reply) -> None:
    assert reply.closes == (reply.code in (221, 421)), name


def test_a_reply_of_several_lines_is_marked_as_such_on_the_wire() -> None:
    reply = Reply(250, "2.0.0", "one\ntwo")

    assert reply.wire() == b"250-2.0.0 one\r\n250 2.0.0 two\r\n"
