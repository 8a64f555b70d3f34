from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sender.replies import LONGEST_LINE, MOST_LINES, BadReply, Reply, ReplyReader


@pytest.mark.parametrize(
    ("sent", "code", "enhanced", "text"),
    [
        (b"250 2.1.0 OK\r\n", 250, "2.1.0", "OK"),
        (b"250 OK\r\n", 250, "", "OK"),
        (b"250\r\n", 250, "", ""),
        (b"250-\r\n250 \r\n", 250, "", " "),
        (b"550-5.1.1 no such\r\n550 5.1.1 user\r\n", 550, "5.1.1", "no such user"),
        (b"550 4.1.1 which one?\r\n", 550, "", "4.1.1 which one?"),
        (b"550 5.1.1\r\n", 550, "5.1.1", ""),
        ("550 5.7.1 нельзя\r\n".encode(), 550, "5.7.1", "нельзя"),
        (b"421 2001.1.1 is no code\r\n", 421, "", "2001.1.1 is no code"),
    ],
)
def test_a_reply_has_a_code_an_enhanced_code_and_a_text(
    sent: bytes, code: int, enhanced: str, text: str
) -> None:
    (reply,) = ReplyReader().feed(sent)

    assert (reply.code, reply.enhanced, reply.text) == (code, enhanced, text)


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-server\r\n",
        b"\r\n",
        b"25 short\r\n",
        b"250OK\r\n",
        b"600 no such class\r\n",
        b"260 no such group\r\n",
        b"199 nor this\r\n",
        b"250-one\r\n251 two\r\n",
        b"250 bare\nline feed\r\n",
        b"250 bare\rreturn\r\n",
        b"250 nul\0\r\n",
        b"250 " + b"x" * LONGEST_LINE + b"\r\n",
        b"250 " + b"x" * LONGEST_LINE,
        b"250-more\r\n" * MOST_LINES + b"250 end\r\n",
    ],
)
def test_what_breaks_the_grammar_is_no_reply(sent: bytes) -> None:
    with pytest.raises(BadReply):
        list(ReplyReader().feed(sent))


def test_replies_that_came_before_what_is_none_count() -> None:
    replies = ReplyReader().feed(b"250 taken\r\nnonsense\r\n250 more\r\n")

    assert next(replies) == Reply(250, ("taken",))
    with pytest.raises(BadReply):
        next(replies)


@given(st.lists(st.integers(0, 60)))
def test_replies_are_the_same_however_they_are_cut(cuts: list[int]) -> None:
    sent = b"220 mx.example ESMTP\r\n250-mx.example\r\n250-SIZE 1000\r\n250 DSN\r\n354 go\r\n"
    edges = sorted({0, len(sent), *cuts})
    reader = ReplyReader()

    replies = [reply for start, end in pairwise(edges) for reply in reader.feed(sent[start:end])]

    assert replies == [
        Reply(220, ("mx.example ESMTP",)),
        Reply(250, ("mx.example", "SIZE 1000", "DSN")),
        Reply(354, ("go",)),
    ]
