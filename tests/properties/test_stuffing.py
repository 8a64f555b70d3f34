from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.sender.stuffing import Stuffer

LINES = st.lists(st.text(alphabet=".a\x00", max_size=4).map(str.encode), max_size=8)


@given(LINES, st.booleans(), st.lists(st.integers(0, 40)))
def test_what_is_stuffed_in_any_chunks_is_unstuffed_to_the_same(
    lines: list[bytes], last_line_ends: bool, cuts: list[int]
) -> None:
    message = b"\r\n".join(lines) + (b"\r\n" if last_line_ends else b"")
    edges = sorted({0, len(message), *(cut for cut in cuts if cut < len(message))})
    stuffer = Stuffer()

    sent = b"".join(stuffer.stuff(message[start:end]) for start, end in pairwise(edges)) + stuffer.end()

    wanted = message if message.endswith(b"\r\n") or not message else message + b"\r\n"
    assert sent.endswith(b".\r\n")
    assert re.sub(rb"^\.", b"", sent[:-3], flags=re.MULTILINE) == wanted
    assert (b"\r\n" + sent).find(b"\r\n.\r\n") == len(sent) - 3
