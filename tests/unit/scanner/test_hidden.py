"""The test file where only some mail programs would see it: what any of them shows is looked at."""

from __future__ import annotations

import quopri
from base64 import b64encode, encodebytes
from collections.abc import Mapping

import pytest

from gateway.domain.mail import BodyRef
from gateway.domain.message import composed, with_edits
from gateway.domain.policy import ObjectAction, ObjectStatus
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.examination import examine
from services.scanner.judging import Rules
from services.scanner.treatment import decide, edits_for
from tests.support.documents import uuencoded
from tests.support.mails import a_mail
from tests.support.parts import HEADER, TEST_FILE, a_message, a_text
from tests.support.policies import a_policy

ENGINES = (StandardTestFile(),)
BASE64 = encodebytes(TEST_FILE).replace(b"\n", b"\r\n")
QUOTED = quopri.encodestring(TEST_FILE, quotetabs=True).replace(b"\n", b"\r\n")


def _part(*fields: bytes, content: bytes = BASE64) -> bytes:
    return b"".join(field + b"\r\n" for field in fields) + b"\r\n" + content


def _multipart(*fields: bytes, body: bytes) -> bytes:
    return HEADER + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


_TYPE = b"Content-Type: application/octet-stream; name=a.com"
_ENCODED = b"Content-Transfer-Encoding: base64"
_INNER = _part(_TYPE, _ENCODED)


def _between(boundary: bytes, *parts: bytes, end: bytes = b"--") -> bytes:
    return b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts) + b"--" + boundary + end + b"\r\n"


HIDDEN: Mapping[str, bytes] = {
    # header fields
    "the second of two encodings": a_message(_part(_TYPE, b"Content-Transfer-Encoding: 7bit", _ENCODED)),
    "the first of two encodings": a_message(_part(_TYPE, _ENCODED, b"Content-Transfer-Encoding: 7bit")),
    "an encoding behind a comment": a_message(_part(_TYPE, b"Content-Transfer-Encoding: (7bit) base64")),
    "an encoding before another": a_message(_part(_TYPE, b"Content-Transfer-Encoding: 8bit, base64")),
    "an encoding in quotes": a_message(_part(_TYPE, b'Content-Transfer-Encoding: "base64"')),
    "a space in the name of the field": a_message(_part(_TYPE, b"Content-Transfer-Encoding : base64")),
    "a NUL in the name of the field": a_message(_part(_TYPE, b"Content-Transfer-Encoding\0: base64")),
    "a folded encoding": a_message(_part(_TYPE, b"Content-Transfer-Encoding:\r\n base64")),
    "the second of two types": _multipart(
        b"Content-Type: text/plain",
        b"Content-Type: multipart/mixed; boundary=edge",
        body=_between(b"edge", _INNER),
    ),
    "the first of two types": _multipart(
        b"Content-Type: multipart/mixed; boundary=edge",
        b"Content-Type: text/plain",
        body=_between(b"edge", _INNER),
    ),
    "a type behind a comment": _multipart(
        b"Content-Type: (text/plain) multipart/mixed; boundary=edge", body=_between(b"edge", _INNER)
    ),
    "a stray byte before the type": _multipart(
        b"\x01Content-Type: multipart/mixed; boundary=edge", body=_between(b"edge", _INNER)
    ),
    "a header that ends with a line that is no field": a_message(
        b"Content-Type: text/plain\r\n" + _ENCODED + b"\r\nno field\r\n\r\n" + BASE64
    ),
    "fields behind a bare CR": a_message(b"X-Other: x\r" + _TYPE + b"\r" + _ENCODED + b"\r\n\r\n" + BASE64),
    # boundaries
    "the second of two boundaries": _multipart(
        b"Content-Type: multipart/mixed; boundary=wrong; boundary=edge",
        body=_between(b"wrong", a_text()) + _between(b"edge", _INNER),
    ),
    "the first of two boundaries": _multipart(
        b"Content-Type: multipart/mixed; boundary=edge; boundary=wrong",
        body=_between(b"wrong", a_text()) + _between(b"edge", _INNER),
    ),
    "the plain boundary beside an extended one": _multipart(
        b"Content-Type: multipart/mixed; boundary*0=wrong; boundary=edge",
        body=_between(b"wrong", a_text()) + _between(b"edge", _INNER),
    ),
    "a boundary that nobody gave": _multipart(
        b"Content-Type: multipart/mixed", body=_between(b"edge", _INNER)
    ),
    "a boundary that does not occur": _multipart(
        b"Content-Type: multipart/mixed; boundary=other", body=_between(b"edge", _INNER)
    ),
    "a boundary line with something behind it": _multipart(
        b"Content-Type: multipart/mixed; boundary=edge",
        body=b"--edge\r\n\r\ntext\r\n--edge x\r\n" + _INNER + b"\r\n--edge--\r\n",
    ),
    "a boundary with a comment": _multipart(
        b"Content-Type: multipart/mixed; boundary=edge (a comment)", body=_between(b"edge", _INNER)
    ),
    "an inner part beyond the end of the outer one": _multipart(
        b"Content-Type: multipart/mixed; boundary=outer",
        body=b"--outer\r\nContent-Type: multipart/mixed; boundary=inner\r\n\r\n--inner\r\n\r\ntext\r\n"
        b"--outer--\r\n--inner\r\n" + _INNER + b"\r\n--inner--\r\n",
    ),
    "boundary lines behind bare CRs": _multipart(
        b"Content-Type: multipart/mixed; boundary=edge",
        body=b"--edge\r\n\r\ntext\r--edge\r" + _INNER.replace(b"\r\n", b"\r") + b"\r--edge--\r\n",
    ),
    "an encoded multipart": _multipart(
        b"Content-Type: multipart/mixed; boundary=edge",
        _ENCODED,
        body=encodebytes(_between(b"edge", _INNER)),
    ),
    # text that belongs to no part
    "before the first part": _multipart(
        b"Content-Type: multipart/mixed; boundary=edge",
        body=uuencoded(TEST_FILE) + _between(b"edge", a_text()),
    ),
    "behind the last part": _multipart(
        b"Content-Type: multipart/mixed; boundary=edge",
        body=_between(b"edge", a_text()) + uuencoded(TEST_FILE),
    ),
    "alone behind the last part": _multipart(
        b"Content-Type: multipart/mixed; boundary=edge", body=_between(b"edge", a_text()) + TEST_FILE
    ),
    # base64
    "padding in the middle": a_message(
        _part(_TYPE, _ENCODED, content=b64encode(TEST_FILE[:20]) + b"\r\n" + b64encode(TEST_FILE[20:]))
    ),
    "padding at the start": a_message(_part(_TYPE, _ENCODED, content=b"====\r\n" + BASE64)),
    "garbage before it": a_message(_part(_TYPE, _ENCODED, content=b"garbage!\r\n" + BASE64)),
    "garbage of its alphabet before it": a_message(_part(_TYPE, _ENCODED, content=b"abc\r\n" + BASE64)),
    "garbage behind it": a_message(
        _part(_TYPE, _ENCODED, content=BASE64.rstrip(b"\r\n=") + b"\r\n-- garbage\r\n")
    ),
    "garbage in it": a_message(
        _part(_TYPE, _ENCODED, content=b"".join(b"%c*\x80" % byte for byte in BASE64.strip()))
    ),
    "other characters of its alphabet": a_message(
        _part(_TYPE, _ENCODED, content=BASE64.replace(b"+", b"-").replace(b"/", b"_"))
    ),
    # quoted-printable
    "a broken escape": a_message(
        _part(_TYPE, b"Content-Transfer-Encoding: quoted-printable", content=b"=" + QUOTED)
    ),
    "soft breaks with blanks behind them": a_message(
        _part(
            _TYPE,
            b"Content-Transfer-Encoding: quoted-printable",
            content=b"= \r\n".join(b"=%02x" % byte for byte in TEST_FILE),
        )
    ),
    # what a part is called
    "an attached message under another type": a_message(
        _part(b"Content-Type: text/plain; name=letter.eml", content=a_message(_INNER))
    ),
    "an uuencoded file in an encoded text": a_message(
        _part(b"Content-Type: text/plain", _ENCODED, content=encodebytes(uuencoded(TEST_FILE)))
    ),
}

each_hiding = pytest.mark.parametrize("message", HIDDEN.values(), ids=HIDDEN.keys())


@each_hiding
def test_what_any_mail_program_would_show_is_found(message: bytes) -> None:
    statuses = {found.status for found in examine(message, ENGINES, Rules()).objects}

    assert ObjectStatus.INFECTED in statuses


@each_hiding
def test_what_is_left_when_it_was_removed_is_clean(message: bytes) -> None:
    policy = a_policy(object_actions={ObjectStatus.INFECTED: ObjectAction.REMOVE})
    found = examine(message, ENGINES, Rules())
    edits = edits_for(message, found, decide(found, policy), lambda _: "")
    mail = with_edits(a_mail(body=BodyRef("0-a", len(message))), edits)

    left = examine(composed(mail, message), ENGINES, Rules())

    assert {one.status for one in left.objects} == {ObjectStatus.CLEAN}


def test_a_bad_object_of_another_reading_makes_one_object_of_what_is_around_it() -> None:
    message = HIDDEN["behind the last part"]

    (found,) = examine(message, ENGINES, Rules()).objects

    assert (found.part.start, found.part.end) == (0, len(message))
    infected = [one.path for one in found.inside if one.status is ObjectStatus.INFECTED]
    assert "epilogue/file.bin" in infected


def test_clean_objects_of_other_readings_leave_the_structure_as_it_is() -> None:
    message = _multipart(
        b"Content-Type: multipart/mixed; boundary=edge; boundary=other",
        body=b"preamble\r\n" + _between(b"edge", a_text(), a_text()) + b"epilogue\r\n",
    )

    assert [found.part.path for found in examine(message, ENGINES, Rules()).objects] == ["1", "2"]


def test_a_message_that_can_be_read_in_too_many_ways_is_an_error() -> None:
    body = b"".join(
        b"--b%d x\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n % 8, n % 7)
        for n in range(4000)
    )
    fields = [b"Content-Type: multipart/mixed; boundary=b%d" % n for n in range(8)]

    statuses = {found.status for found in examine(_multipart(*fields, body=body), ENGINES, Rules()).objects}

    assert ObjectStatus.ERROR in statuses


def test_all_names_that_readers_give_a_part_are_known() -> None:
    header = (
        b'Content-Type: application/octet-stream; name="invoice.pdf"\r\n'
        b'Content-Disposition: attachment; filename="=?utf-8?q?invoice=2Etxt?=";'
        b" filename*=utf-8''invoice.exe\r\n\r\n"
    )
    (found,) = examine(a_message(header + b"content"), ENGINES, Rules()).objects

    assert set(found.names) == {"invoice.exe", "invoice.txt", "invoice.pdf"}
