from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from gateway.domain.mime import TOO_DEEP, TOO_MANY, Part, decoded, take_apart

CASES = sorted((Path(__file__).parents[2] / "corpus" / "mime").glob("*.eml"))
WELL_FORMED = (
    "plain_text",
    "alternative_with_inline_image",
    "boundary_is_the_beginning_of_another",
    "digest",
    "uuencoded_part",
)


def described(message: bytes) -> str:
    """The tree as text: path, type, what the header says, and the content of each leaf."""
    return "".join(f"{_line(part, message)}\n" for part in take_apart(message))


def _line(part: Part, message: bytes) -> str:
    words = [
        part.path or "-",
        part.content_type,
        f"charset={part.charset}" if part.charset else "",
        part.encoding,
        part.disposition,
        f'"{part.name}"' if part.name else "",
        f"[{part.start}-{part.body}-{part.end}]",
        "" if part.container else repr(decoded(part, message))[1:],
    ]
    return " ".join(word for word in words if word)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_message_has_the_parts_that_stand_beside_it(case: Path) -> None:
    assert described(case.read_bytes()) == case.with_suffix(".tree").read_text("utf-8")


@pytest.mark.parametrize("name", WELL_FORMED)
def test_well_formed_messages_have_the_parts_that_the_standard_library_sees(name: str) -> None:
    message = (CASES[0].parent / f"{name}.eml").read_bytes()

    ours = [
        (part.content_type, part.name, b"" if part.container else decoded(part, message))
        for part in take_apart(message)
    ]

    assert ours == [_as_seen(part) for part in message_from_bytes(message).walk()]


def _as_seen(part: Message) -> tuple[str, str, bytes]:
    content = b"" if part.is_multipart() else part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return part.get_content_type(), part.get_filename() or "", content


def nested(levels: int) -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
        for level in range(levels)
    )


def test_parts_nested_deeper_than_the_limit_are_left_closed_and_say_so() -> None:
    parts = take_apart(nested(10), most_depth=4)

    assert [part.unopened for part in parts] == ["", "", "", "", TOO_DEEP]
    assert not parts[-1].container


def test_nesting_without_end_is_no_trouble() -> None:
    parts = take_apart(nested(20_000))

    assert parts[-1].unopened == TOO_DEEP


def test_a_container_with_more_parts_than_the_limit_is_left_closed_and_says_so() -> None:
    many = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\ntext\r\n" * 100

    (part,) = take_apart(many, most_parts=50)

    assert (part.unopened, part.container, part.path) == (TOO_MANY, False, "1")
    assert len(take_apart(many, most_parts=101)) == 101


def test_attached_messages_stay_closed_on_demand() -> None:
    message = b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nhello\r\n"

    (part,) = take_apart(message, open_messages=False)

    assert (part.content_type, part.container) == ("message/rfc822", False)


def test_the_boundary_line_before_a_part_belongs_to_nobody_else() -> None:
    message = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\na\r\n--x \r\n\r\nb\r\n--x--\r\n"

    _, first, second = take_apart(message)

    assert message[first.delimiter : first.start] == b"--x\r\n"
    assert message[second.delimiter : second.start] == b"\r\n--x \r\n"
    assert first.end == second.delimiter


@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable", b"x-uuencode", b"8bit"])
def test_the_content_is_given_up_to_a_limit(encoding: bytes) -> None:
    message = b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + b"TUFNQQ" * 4000
    (part,) = take_apart(message)

    beginning = decoded(part, message, limit=100)

    assert decoded(part, message)[:100] == beginning
    assert len(decoded(part, message)) > 100 or encoding == b"x-uuencode"
