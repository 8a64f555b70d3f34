"""What holds for any bytes that the splitter is given."""

from __future__ import annotations

import base64
import quopri

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.mime import Part, decoded, take_apart

FRAGMENTS = st.sampled_from(
    [
        b"--x\r\n",
        b"--x--\r\n",
        b"--x",
        b"--xy\r\n",
        b"--xy--\r\n",
        b"--x \t\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"--",
        b"From a@a.example\r\n",
        b"Subject: hello\r\n",
        b"no field\r\n",
        b" continued\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n",
        b"Content-Type: multipart/alternative; boundary=xy\r\n",
        b'Content-Type: multipart/digest; boundary="x"\r\n',
        b"Content-Type: message/rfc822\r\n",
        b"Content-Type: text/plain; name*0*=utf-8''%E2%82; name*1*=%AC\r\n",
        b'Content-Disposition: attachment; filename="a\r\n',
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"Content-Transfer-Encoding: uuencode\r\n",
        b"QUJDRA==",
        b"=41=\r\n=",
        b"begin 644 a\n#0V%T\n`\nend\n",
        b"\xff\x00\xe9",
    ]
)
MESSAGES = st.lists(st.one_of(FRAGMENTS, st.binary(max_size=8)), max_size=40).map(b"".join)


def children(parts: tuple[Part, ...], of: int) -> list[Part]:
    return [part for part in parts if part.parent == of]


@given(MESSAGES)
def test_parts_lie_inside_their_container_one_behind_the_other(message: bytes) -> None:
    parts = take_apart(message)

    assert (parts[0].start, parts[0].end) == (0, len(message))
    for index, part in enumerate(parts):
        assert part.delimiter <= part.start <= part.body <= part.end
        position = part.body
        for child in children(parts, index):
            assert position <= child.delimiter
            assert child.end <= part.end
            position = child.end


def rebuilt(message: bytes, parts: tuple[Part, ...], index: int) -> bytes:
    part = parts[index]
    pieces = [message[part.delimiter : part.body]]
    position = part.body
    for child_index, child in enumerate(parts):
        if child.parent == index:
            pieces += [message[position : child.delimiter], rebuilt(message, parts, child_index)]
            position = child.end
    return b"".join([*pieces, message[position : part.end]])


@given(MESSAGES)
def test_a_message_put_together_from_its_parts_is_the_message(message: bytes) -> None:
    assert rebuilt(message, take_apart(message), 0) == message


@given(MESSAGES)
def test_paths_tell_parts_apart_and_leaves_have_content(message: bytes) -> None:
    parts = take_apart(message)

    assert len({part.path for part in parts}) == len(parts)
    assert all(children(parts, index) for index, part in enumerate(parts) if part.container)
    assert all(isinstance(decoded(part, message), bytes) for part in parts)


@given(MESSAGES, st.integers(0, 5), st.integers(1, 8))
def test_the_limits_hold(message: bytes, depth: int, most: int) -> None:
    parts = take_apart(message, most_depth=depth, most_parts=most)

    assert len(parts) <= most
    assert all(part.path.count(".") < max(depth, 1) for part in parts)


@given(st.binary(max_size=300))
def test_base64_and_quoted_printable_by_the_book_decode_to_what_was_encoded(content: bytes) -> None:
    for encoding, encoded in (
        (b"base64", base64.encodebytes(content)),
        (b"quoted-printable", quopri.encodestring(content.replace(b"\r", b""), quotetabs=True)),
    ):
        message = b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + encoded
        (part,) = take_apart(message)

        expected = content if encoding == b"base64" else content.replace(b"\r", b"")
        assert decoded(part, message) == expected
