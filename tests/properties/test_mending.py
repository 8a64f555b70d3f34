"""Whatever is wrong with a message, however it is cut, it comes out right; what was right stays as it was."""

from __future__ import annotations

from email import message_from_bytes, policy

from hypothesis import example, given
from hypothesis import strategies as st

from services.receiver.defects import Defect
from services.receiver.folding import LONGEST_LINE, broken, even_width, has_long_line
from services.receiver.mending import Mending

MOST_HEADER_BYTES = 8 << 10
CUTS = st.lists(st.integers(0, 1500), max_size=20)

# Mostly what matters to the reader, so that all its combinations turn up.
PIECES = (
    b'\r|\n|\r\n|\r\n\r\n|\0| |\t|:|text|\r\nSubject: x|\r\nFrom: |Received:|to:|x-y|<|"|\\|=?utf-8?q?x?='
    b"|\xff|\xc3\xbc\xe2\x82\xac|Content-Type: a/b; n=\xff"
).split(b"|")
LONG_PIECES = [b"w" * 997, b"w" * 300, b"word " * 199, b"\xe2\x82\xac" * 333]
EVEN = st.builds(
    lambda width, count: b"\r\n\r\n" + (b"A" * width + b"\r\n") * count,
    st.integers(0, 1000),
    st.integers(0, 5),
)
AWKWARD = st.lists(st.one_of(st.sampled_from([*PIECES, *LONG_PIECES]), EVEN), max_size=24).map(b"".join)

FIELD_LINES = (
    b"From: a@b.example|Subject:\r\n folded\r\n\tagain|x:|Odd!$%&'*~: y |Obsolete \t: z|L: " + b"x" * 995
).split(b"|")
FIELDS = st.lists(st.sampled_from(FIELD_LINES), max_size=12).map(
    lambda lines: b"".join(line + b"\r\n" for line in lines)
)
LINES = st.lists(
    st.binary(max_size=60).map(lambda line: line.translate(None, b"\r\n\0"))
    | st.just(b"\xff" * LONGEST_LINE),
    max_size=20,
).map(lambda lines: b"".join(line + b"\r\n" for line in lines))


def mended(message: bytes, sizes: list[int], *, utf8: bool = False) -> tuple[bytes, Mending]:
    """What comes out for a message that comes in pieces of these sizes."""
    mending, out = Mending(utf8=utf8, most_header_bytes=MOST_HEADER_BYTES), b""
    for size in sizes:
        out += mending.take(message[:size])
        message = message[size:]
    return out + mending.take(message) + mending.end(), mending


@given(FIELDS, LINES, CUTS)
def test_a_conformant_message_stays_byte_for_byte(fields: bytes, body: bytes, sizes: list[int]) -> None:
    message = fields + b"\r\n" + body

    out, mending = mended(message, sizes)

    assert out == message
    assert mending.defects == frozenset()
    assert mending.header == fields + b"\r\n"


@given(AWKWARD, CUTS, st.booleans())
@example(b"text\r\nto:", [5], False)
@example(b" \r\n\xff\r", [2, 1], False)
@example(b"\r\n\r\n\r\n\r\r", [2], False)
def test_the_result_does_not_depend_on_how_the_message_came(
    message: bytes, sizes: list[int], utf8: bool
) -> None:
    out, mending = mended(message, sizes, utf8=utf8)
    whole, at_once = mended(message, [], utf8=utf8)
    bytewise, slowly = mended(message, [1] * len(message), utf8=utf8)

    assert out == whole == bytewise
    assert mending.defects == at_once.defects == slowly.defects
    assert mending.header == at_once.header == slowly.header


@given(
    st.integers(0, 1002),
    st.integers(0, 4),
    st.integers(0, 9),
    st.sampled_from([b"", b"\n", b"\r", b"x"]),
    st.data(),
)
def test_lines_are_even_only_when_all_of_them_are_of_one_length(
    width: int, count: int, head: int, odd: bytes, data: st.DataObject
) -> None:
    even = (b"A" * width + b"\r\n") * count + b"A" * head
    at = data.draw(st.integers(0, len(even)))
    piece = even[:at] + odd + even[at:]

    found = even_width(piece)

    lines = piece.split(b"\r\n")
    inner = {len(line) + 2 for line in lines[1:-1]}
    clean = not any(set(line) & {*b"\r\n"} for line in lines)
    if found:
        assert clean
        assert inner == {found}
        assert all(len(line) + 2 <= found + 2 for line in lines)
    if not odd and count > 1 and 0 < width <= LONGEST_LINE and head < width:
        assert found == width + 2


@given(AWKWARD, CUTS)
def test_what_comes_out_is_conformant(message: bytes, sizes: list[int]) -> None:
    out, mending = mended(message, sizes)

    again, nothing = mended(out, [])
    assert again == out
    assert nothing.defects == frozenset()
    assert b"\0" not in out
    assert mending.header.isascii()
    assert not {*b"\r\n"} & {*out.replace(b"\r\n", b"")}
    assert all(len(line) <= LONGEST_LINE for line in out.split(b"\r\n"))


@given(AWKWARD, CUTS)
def test_the_header_that_is_known_is_the_one_that_came_out(message: bytes, sizes: list[int]) -> None:
    out, mending = mended(message, sizes)

    assert out.startswith(mending.header)
    assert not mending.header_too_big


@given(st.lists(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12), min_size=1))
def test_8_bit_text_reads_the_same_as_before(words: list[str]) -> None:
    text = " ".join(words)
    message = f"Subject: {text}\r\n\r\n".encode()

    out, mending = mended(message, [])

    assert (Defect.EIGHT_BIT_HEADER in mending.defects) == (not text.isascii())
    if "=?" not in text:
        read = message_from_bytes(out, policy=policy.SMTPUTF8)["Subject"]
        assert " ".join(str(read).split()) == " ".join(text.split())


@given(
    st.lists(st.binary(min_size=1, max_size=40) | st.just(b" ") | st.just(b"x" * 600), max_size=8).map(
        b"".join
    ),
    st.sampled_from([1, 870]),
)
def test_a_folded_line_unfolds_to_what_it_was(line: bytes, earliest: int) -> None:
    line = line.translate(None, b"\r\n").replace(b"x " * 3, b"")

    parts = broken(line, earliest).split(b"\r\n")

    assert all(len(part) <= LONGEST_LINE for part in parts)
    assert all(part.startswith(b" ") for part in parts[1:])
    assert b"".join(parts).replace(b" ", b"") == line.replace(b" ", b"")
    assert has_long_line(line) == (len(parts) > 1)
