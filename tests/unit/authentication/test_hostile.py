"""A header full of anything costs about as much as one full of anything else.

What takes time by the square of its length would not come to its end here.
"""

from __future__ import annotations

import contextlib
from contextlib import suppress

import pytest

from gateway.authentication.dkim.bodyhash import BodyHashes, Coverage
from gateway.authentication.dkim.canonical import Canonicalization
from gateway.authentication.dkim.keys import read_key
from gateway.authentication.dkim.signature import unsigned
from gateway.authentication.dmarc.authors import TooManyAuthors, author_domains
from gateway.authentication.dmarc.record import read_record as read_policy
from gateway.authentication.header import Header
from gateway.authentication.results import TooManyClaims, removals, result_of
from gateway.authentication.spf.macros import parse_text
from gateway.authentication.spf.record import RecordError, record_of
from gateway.authentication.tags import TagError, read_tags

SIZE = 1 << 18  # the largest header that is taken as shipped
UNITS = [
    *(
        b" ",
        b"\t",
        b"\r\n ",
        b".",
        b". ",
        b" .",
        b"@",
        b"@ ",
        b"<",
        b">",
        b"<@",
        b"(",
        b")",
        b"()",
        b'"',
        b'"\\',
    ),
    *(
        b"\\",
        b",",
        b";",
        b":",
        b"a:",
        b"=",
        b"b=",
        b";b=",
        b"; b",
        b"a",
        b"a.",
        b"a@b.example, ",
        b"gw.example ",
    ),
    *(b"\x00", b"\xff", b"%", b"%{d}", b"/", b"//", b"-", b"1", b"p=", b"dmarc=", b"dmarc=pass;"),
]


def runs() -> list[bytes]:
    return [unit * (SIZE // len(unit)) for unit in UNITS]


@pytest.mark.parametrize("value", runs(), ids=map(repr, UNITS))
def test_fields_of_any_make_are_read_to_their_end(value: bytes) -> None:
    header = Header(b"From: x" + value + b"x\r\nAuthentication-Results: x" + value + b"x\r\n")
    [field] = header.named("Authentication-Results")

    with suppress(TooManyAuthors):
        author_domains(header)
    with suppress(TooManyClaims):
        removals(header, "gw.example")
    result_of("dmarc", header.value(field))
    unsigned(header, field, Canonicalization.RELAXED)


@pytest.mark.parametrize("value", runs(), ids=map(repr, UNITS))
def test_records_of_any_make_are_read_or_refused(value: bytes) -> None:
    read_policy(b"v=DMARC1;" + value)
    for read, refusal in ((read_tags, TagError), (read_key, TagError)):
        with pytest.raises(refusal):
            read(b"v=DKIM1;" + value)
    for beginning in (b"v=spf1 ", b"v=spf1 a", b"v=spf1 a:", b"v=spf1 exp="):
        with contextlib.suppress(RecordError):
            record_of([(beginning + value)[:16_384]])
    with contextlib.suppress(ValueError):
        parse_text(value.decode("latin-1"))


@pytest.mark.parametrize("value", runs(), ids=map(repr, UNITS))
def test_bodies_of_any_make_are_hashed(value: bytes) -> None:
    hashes = BodyHashes(Coverage(form) for form in Canonicalization)

    for at in range(0, len(value), 100_000):
        hashes.update(value[at : at + 100_000])

    assert len(hashes.finish()) == 2


def test_a_header_of_the_shortest_fields_is_read() -> None:
    header = Header(b"a:\r\n" * (SIZE // 4))

    assert len(header.named("A")) == SIZE // 4
