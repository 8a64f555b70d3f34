"""What of a body and a field is signed (RFC 6376 §3.4)."""

from __future__ import annotations

from hashlib import sha256

import pytest

from gateway.authentication.dkim.bodyhash import BodyHash, BodyHashes, Coverage
from gateway.authentication.dkim.canonical import Canonicalization, RelaxedBody, SimpleBody, canonical_field

SIMPLE, RELAXED = Canonicalization.SIMPLE, Canonicalization.RELAXED


def canonical(body: bytes, form: type[SimpleBody], size: int = 1 << 20) -> bytes:
    putting = form()
    pieces = [piece for at in range(0, len(body), size) for piece in putting.take(body[at : at + size])]
    return b"".join([*pieces, *putting.end()])


CASES = [
    (b"", b"\r\n", b""),
    (b"\r\n", b"\r\n", b""),
    (b"\r\n\r\n\r\n", b"\r\n", b""),
    (b" \r\n\t\r\n", b" \r\n\t\r\n", b""),
    (b" C \r\nD \t E\r\n\r\n\r\n", b" C \r\nD \t E\r\n", b" C\r\nD E\r\n"),  # the example of §3.4.5
    (b"no end", b"no end\r\n", b"no end\r\n"),
    (b"no end \t", b"no end \t\r\n", b"no end\r\n"),
    (b"a\r\n\r\nb\r\n", b"a\r\n\r\nb\r\n", b"a\r\n\r\nb\r\n"),
    (b"a\r\n \r\nb\r\n \r\n", b"a\r\n \r\nb\r\n \r\n", b"a\r\n\r\nb\r\n"),
    (b"\r\n\r\na\r\n", b"\r\n\r\na\r\n", b"\r\n\r\na\r\n"),
    (b"a\r\n\r\n\r", b"a\r\n\r\n\r\r\n", b"a\r\n\r\n\r\r\n"),
    (b"a\rb\nc\r\n", b"a\rb\nc\r\n", b"a\rb\nc\r\n"),
    (b"a \r b\r\n\n", b"a \r b\r\n\n\r\n", b"a \r b\r\n\n\r\n"),
]


@pytest.mark.parametrize(("body", "simple", "relaxed"), CASES)
def test_a_body_has_its_canonical_forms(body: bytes, simple: bytes, relaxed: bytes) -> None:
    assert canonical(body, SimpleBody) == simple
    assert canonical(body, RelaxedBody) == relaxed


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("body", [case[0] for case in CASES])
def test_where_a_body_is_cut_changes_nothing(body: bytes, size: int) -> None:
    assert canonical(body, SimpleBody, size) == canonical(body, SimpleBody)
    assert canonical(body, RelaxedBody, size) == canonical(body, RelaxedBody)


def test_many_empty_lines_are_kept_when_text_follows() -> None:
    body = b"\r\n" * 100_000 + b"text\r\n" + b"\r\n" * 100_000

    assert canonical(body, RelaxedBody, 1000) == b"\r\n" * 100_000 + b"text\r\n"


@pytest.mark.parametrize(
    ("field", "relaxed"),
    [
        (b"Subject: A  text\r\n", b"subject:A text\r\n"),
        (b"SUBJect \t: \t text \t \r\n", b"subject:text\r\n"),
        (b"Subject: folded\r\n\t over  \r\n  lines\r\n", b"subject:folded over lines\r\n"),
        (b"Subject:\r\n", b"subject:\r\n"),
        (b"Subject: no end", b"subject:no end\r\n"),
    ],
)
def test_a_field_has_its_canonical_forms(field: bytes, relaxed: bytes) -> None:
    colon = field.index(b":")

    assert canonical_field("Subject", field, colon, RELAXED) == relaxed
    assert canonical_field("Subject", field, colon, SIMPLE) == field.removesuffix(b"\r\n") + b"\r\n"


def test_hashes_of_several_forms_and_lengths_are_made_at_once() -> None:
    body = b"one  line\r\nand another\r\n\r\n"
    wanted = [Coverage(SIMPLE), Coverage(RELAXED), Coverage(RELAXED, 5), Coverage(SIMPLE, 99)]
    hashes = BodyHashes(wanted)

    for at in range(0, len(body), 3):
        hashes.update(body[at : at + 3])
    found = hashes.finish()

    simple, relaxed = b"one  line\r\nand another\r\n", b"one line\r\nand another\r\n"
    assert [found[coverage] for coverage in wanted] == [
        BodyHash(sha256(simple).digest(), 0),
        BodyHash(sha256(relaxed).digest(), 0),
        BodyHash(sha256(relaxed[:5]).digest(), len(relaxed) - 5),
        BodyHash(sha256(simple).digest(), len(simple) - 99),
    ]
