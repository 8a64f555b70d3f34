from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.domain.mail import BodyRef, Edit
from gateway.domain.message import composed, with_edits
from gateway.domain.mime import Part, take_apart
from services.scanner.digests import without_stale_digests
from tests.support.mails import a_mail

MD5 = b"content-md5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\n"
TEXT = b"Content-Type: text/plain\r\n" + MD5 + b"\r\nfirst\r\n"
INNER = b"--i\r\n" + TEXT + b"--i\r\n" + TEXT + b"--i--\r\n"
MESSAGE = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n" + MD5 + b"\r\n"
    b"--o\r\nContent-Type: multipart/mixed; boundary=i\r\n" + MD5 + b"\r\n" + INNER + b"\r\n"
    b"--o\r\nContent-Type: text/plain\r\n" + MD5 + b"\r\nlast\r\n--o--\r\n"
)


def the_content(part: Part) -> Edit:
    return Edit(part.body, part.end, b"other")


def at_the_end(part: Part) -> Edit:
    return Edit(part.end, part.end, b"more")


def at_the_beginning(part: Part) -> Edit:
    return Edit(part.body, part.body, b"more")


def the_whole_part(part: Part) -> Edit:
    return Edit(part.delimiter, part.end)


def kept(path: str, change: Callable[[Part], Edit]) -> int:
    """How many of the five digests stay when the part at `path` is changed so."""
    parts = take_apart(MESSAGE)
    (part,) = (part for part in parts if part.path == path)
    edits = without_stale_digests(MESSAGE, parts, (change(part),))
    mail = with_edits(a_mail(body=BodyRef("0-a", len(MESSAGE))), edits)
    return composed(mail, MESSAGE).count(MD5)


@pytest.mark.parametrize("change", [the_content, at_the_beginning, at_the_end, the_whole_part])
def test_a_changed_part_and_all_around_it_lose_their_digests(change: Callable[[Part], Edit]) -> None:
    assert kept("1.1", change) == 2  # of its neighbour, and of the last part


def test_what_was_not_touched_keeps_its_digest() -> None:
    assert kept("2", the_content) == 3
    assert without_stale_digests(MESSAGE, take_apart(MESSAGE), ()) == ()
