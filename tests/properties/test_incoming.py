"""Whatever a client sends, and however it is cut, means what it would mean read byte by byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.receiver.incoming import MOST_LINE_BYTES, CommandLines, MessageData, Unusable

# Mostly what matters to the reader, so that all its combinations turn up.
AWKWARD = st.lists(
    st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"x", b"\0", b"\xff", b"line" * 300]), max_size=40
).map(b"".join)
CUTS = st.lists(st.integers(0, 200), max_size=30)


def cut(sent: bytes, sizes: list[int]) -> list[bytes]:
    """`sent` in pieces of these sizes, and the rest in one."""
    pieces = []
    for size in sizes:
        pieces.append(sent[:size])
        sent = sent[size:]
    return [*pieces, sent]


def read(pieces: list[bytes]) -> tuple[bytes, bytes, bool]:
    """What comes out for a message that came in `pieces`: body, rest, ended."""
    message, body = MessageData(), b""
    for number, piece in enumerate(pieces):
        body += message.take(piece)
        if message.ended:
            return body, message.rest + b"".join(pieces[number + 1 :]), True
    return body, b"", False


def read_slowly(sent: bytes) -> tuple[bytes, bytes]:
    """The same byte by byte, as RFC 5321 §4.5.2 says it. `sent` has an end."""
    body = bytearray()
    at_line_start = True  # of a line begun by CRLF
    at = 0
    while True:
        if at_line_start and sent[at : at + 3] == b".\r\n":
            return bytes(body), sent[at + 3 :]
        if at_line_start and sent[at : at + 1] == b".":
            at += 1
        at_line_start = sent[at : at + 2] == b"\r\n"
        if at_line_start:
            body += b"\r\n"
            at += 2
        else:
            body.append(sent[at])
            at += 1


def stuffed(body: bytes) -> bytes:
    """A message as a correct client sends it."""
    lines = body.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)


@given(AWKWARD, AWKWARD, CUTS)
def test_a_message_is_read_as_byte_by_byte(text: bytes, rest: bytes, sizes: list[int]) -> None:
    sent = text + b"\r\n.\r\n" + rest

    body, left, ended = read(cut(sent, sizes))

    assert ended
    assert (body, left) == read_slowly(sent)


@given(st.lists(st.binary(max_size=50), max_size=20), CUTS)
def test_a_message_comes_out_byte_for_byte(lines: list[bytes], sizes: list[int]) -> None:
    clean = [line.translate(None, b"\r\n") for line in lines]
    sent = b"".join(line + b"\r\n" for line in clean)

    body, rest, ended = read(cut(stuffed(sent) + b".\r\nQUIT\r\n", sizes))

    assert (body, rest, ended) == (sent, b"QUIT\r\n", True)


def commands(pieces: list[bytes]) -> list[bytes | Unusable]:
    """All lines of what came in `pieces`."""
    lines, found = CommandLines(), []
    for piece in pieces:
        lines.add(piece)
        while (line := lines.next()) is not None:
            found.append(line)
    return found


@given(AWKWARD, CUTS)
def test_command_lines_do_not_depend_on_how_they_came(sent: bytes, sizes: list[int]) -> None:
    assert commands(cut(sent, sizes)) == commands([sent])


@given(AWKWARD)
def test_each_command_line_is_answered_once_and_acted_on_only_when_clean(sent: bytes) -> None:
    found = commands([sent + b"\r\n"])

    whole = (sent + b"\r\n").split(b"\r\n")[:-1]
    assert len(found) == len(whole)
    for line, answered in zip(whole, found, strict=True):
        is_clean = len(line) <= MOST_LINE_BYTES and b"\r" not in line and b"\n" not in line
        assert (answered == line) if is_clean else isinstance(answered, Unusable)
