"""`Authentication-Results`: what we write, and what we believe of others to be ours (RFC 8601)."""

from __future__ import annotations

import pytest

from gateway.authentication.header import Header
from gateway.authentication.results import TooManyClaims, claims, forged_fields, result_of, results_field
from gateway.domain.authentication import Arc, Authentication, Dkim, Dmarc, Identity, Request, Result, Spf

OURS = b"Authentication-Results: gw.example; spf=pass\r\n"


def test_the_field_says_what_was_found_out() -> None:
    found = Authentication(
        spf=Spf(Result.PASS, "client.example", reason="a of client.example"),
        dkim=(
            Dkim(Result.PASS, "client.example", "s1", "rsa-sha256", "abcdEFGH"),
            Dkim(Result.FAIL, "list.example", "s2", "ed25519-sha256", "ab/+", True, "the body was changed"),
        ),
        dmarc=Dmarc(Result.PASS, "client.example", Request.REJECT, True, True),
        arc=Arc(Result.FAIL, reason="set 1: the seal is broken"),
    )

    assert results_field("gw.example", found) == (
        b"Authentication-Results: gw.example;\r\n"
        b"\tspf=pass smtp.mailfrom=client.example;\r\n"
        b"\tdkim=pass header.d=client.example header.s=s1 header.a=rsa-sha256\r\n"
        b"\theader.b=abcdEFGH;\r\n"
        b'\tdkim=fail (test mode) reason="the body was changed" header.d=list.example\r\n'
        b'\theader.s=s2 header.a=ed25519-sha256 header.b="ab/+";\r\n'
        b"\tdmarc=pass header.from=client.example policy.dmarc=reject;\r\n"
        b'\tarc=fail reason="set 1: the seal is broken"\r\n'
    )


def test_methods_that_were_not_evaluated_are_not_told() -> None:
    assert (
        results_field("gw.example", Authentication()) == b"Authentication-Results: gw.example;\r\n\tnone\r\n"
    )
    assert results_field("gw.example", Authentication(dkim=())) == (
        b"Authentication-Results: gw.example;\r\n\tdkim=none\r\n"
    )


def test_the_null_sender_is_told_by_helo() -> None:
    spf = Spf(Result.TEMPERROR, "mx.client.example", Identity.HELO, "DNS did not answer in time")

    assert b'spf=temperror reason="DNS did not answer in time" smtp.helo=mx.client.example' in (
        results_field("gw.example", Authentication(spf=spf)).replace(b"\r\n\t", b" ")
    )


@pytest.mark.parametrize(
    ("hostile", "written"),
    [
        ("a.example; dmarc=pass", '"a.example; dmarc=pass"'),
        ('a" ; dmarc=pass "', r'"a\" ; dmarc=pass \""'),
        ("a\\", r'"a\\"'),
        ("a\r\nSubject: spam", '"a??Subject: spam"'),
        ("a(b", '"a(b"'),
        ("bücher\x00", '"b?cher?"'),
        ("a" * 300, "a" * 253),
    ],
)
def test_what_strangers_wrote_cannot_leave_its_place(hostile: str, written: str) -> None:
    found = Authentication(dkim=(Dkim(Result.PERMERROR, hostile, reason=""),))

    field = results_field("gw.example", found).decode("ascii").replace("\r\n\t", " ")

    assert field == f"Authentication-Results: gw.example; dkim=permerror header.d={written}\r\n"


@pytest.mark.parametrize(
    "value",
    [
        b" gw.example; spf=pass",
        b"gw.example;spf=pass",
        b" gw.example",
        b" GW.Example. ; none",
        b" gw.example 1; none",
        b" gw.example1; none",
        b' "gw.example"; none',
        b' "gw\\.exa\\mple"; none',
        b" (a (nested) comment;) gw.example (another); none",
        b"\r\n\tgw.example\r\n\t; none",
        b" gw\r\n .example; none",
        b" gw.(comment)example; none",
        b" gw.example\x00; none",
        b" \x01gw.example; none",
    ],
)
def test_a_field_claims_to_be_ours_however_it_is_written(value: bytes) -> None:
    assert claims(value, "gw.example")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" other.example; spf=pass",
        b" mx.gw.example; spf=pass",
        b" gw.example.evil.example; spf=pass",
        b" other.example; gw.example",
        b' other.example (gw.example); x="gw.example; y"',
        b" \xff\xfe; spf=pass",
    ],
)
def test_a_field_of_others_is_left_alone(value: bytes) -> None:
    assert not claims(value, "gw.example")


def test_fields_that_claim_to_be_ours_are_found() -> None:
    block = (
        b"Received: x\r\n" + OURS + b"authentication-results : gw.example;\r\n none\r\n"
        b"Authentication-Results: other.example; none\r\n" + OURS + b"Subject: x\r\n\r\n"
    )

    forged = forged_fields(Header(block), "gw.example")

    assert len(forged) == 2
    for start, end in reversed(forged):
        block = block[:start] + block[end:]
    assert block == b"Received: x\r\nAuthentication-Results: other.example; none\r\nSubject: x\r\n\r\n"


def test_neighbours_are_found_as_one() -> None:
    assert forged_fields(Header(OURS * 5000), "gw.example") == ((0, 5000 * len(OURS)),)


def test_more_claims_than_a_mail_can_carry_are_told() -> None:
    with pytest.raises(TooManyClaims):
        forged_fields(Header((OURS + b"X: y\r\n") * 101), "gw.example")


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (b" i=1; a.example; spf=fail; dmarc=pass (p=none) header.from=x", Result.PASS),
        (b" i=1; a.example; dmarc/1 = FAIL", Result.FAIL),
        (b" i=1; a.example; dmarc=bestguesspass", None),
        (b" i=1; a.example; spf=pass", None),
        (b" i=1; a.example (; dmarc=pass)", None),
        (b"", None),
    ],
)
def test_what_a_field_says_of_a_method_is_read(value: bytes, result: Result | None) -> None:
    assert result_of("dmarc", value) == result
