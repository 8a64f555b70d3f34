"""DMARC: for whom SPF and DKIM speak (RFC 7489)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.authentication.dmarc.authors import TooManyAuthors, author_domains
from gateway.authentication.dmarc.evaluation import find_records, judge
from gateway.authentication.dmarc.record import Record, organisation_of, read_record
from gateway.authentication.header import Header
from gateway.domain.authentication import Dkim, Dmarc, Request, Result, Spf
from tests.support.zones import ZoneDns

NONE, QUARANTINE, REJECT = Request.NONE, Request.QUARANTINE, Request.REJECT


@pytest.mark.parametrize(
    ("value", "domains"),
    [
        (b"author@client.example", ["client.example"]),
        (b"The Author <author@Client.Example.>", ["client.example"]),
        (b'"bank@bank.example" <x@evil.example>', ["evil.example"]),
        (b"bank@bank.example <x@evil.example>", ["evil.example"]),
        (b"x@evil.example (bank@bank.example)", ["evil.example"]),
        (b"a@one.example, b <b@two.example>", ["one.example", "two.example"]),
        (b"Us: a@one.example, b@two.example;", ["one.example", "two.example"]),
        (b"Us: A <a@one.example>;", ["one.example"]),
        (b"<@relay.example:user@client.example>", ["client.example"]),
        (b'"a@b, <c@other.example>" <x@client.example>', ["client.example"]),
        (b'"a@evil.example"@client.example', ["client.example"]),
        (b"a@one.example b@two.example", ["one.example", "two.example"]),
        (b"<a@one.example> <b@two.example>", ["one.example", "two.example"]),
        (b"<a@bank.example@evil.example>", ["bank.example", "evil.example"]),
        (b"a@client.example>", ["client.example"]),
        (b"Bob <bob@client.example", ["client.example"]),
        (b"folded\r\n <a@client.example>", ["client.example"]),
        (b"a @ client . example", ["client.example"]),
        ("a@bücher.example".encode(), ["xn--bcher-kva.example"]),
        (b"=?utf-8?q?a=40bank.example?= <x@evil.example>", ["evil.example"]),
        (b"a@[192.0.2.1]", []),
        (b"a@localhost", []),
        (b"", []),
        (b"undisclosed-recipients:;", []),
        (b"\xff\xfe@\xff", []),
    ],
)
def test_the_domains_that_a_reader_may_see_are_the_authors(value: bytes, domains: list[str]) -> None:
    assert [*author_domains(Header(b"From: " + value + b"\r\n"))] == domains


def test_all_fields_count() -> None:
    header = Header(b"From: a@one.example\r\nSubject: x\r\nfrom: b@two.example\r\nFROM : c@one.example\r\n")

    assert author_domains(header) == ("one.example", "two.example")


def test_more_domains_than_anybody_judges_are_told() -> None:
    addresses = b", ".join(b"a@d%d.example" % number for number in range(9))

    with pytest.raises(TooManyAuthors):
        author_domains(Header(b"From: " + addresses + b"\r\n"))


@pytest.mark.parametrize(
    ("domain", "organisation"),
    [
        ("example.com", "example.com"),
        ("mail.news.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("a.b.example", "b.example"),
        ("shop.user.github.io", "user.github.io"),
    ],
)
def test_an_organisation_is_what_stands_below_a_public_suffix(domain: str, organisation: str) -> None:
    assert organisation_of(domain) == organisation


@pytest.mark.parametrize(
    ("text", "record"),
    [
        (b"v=DMARC1; p=reject", Record(REJECT, REJECT)),
        (b"v=DMARC1;p=Quarantine;sp=none", Record(QUARANTINE, NONE)),
        (b"v=DMARC1; p=none; adkim=s; aspf=S; pct=20", Record(NONE, NONE, True, True, 20)),
        (b"v=DMARC1; p=reject; pct=1000; sp=what; adkim=x; foo; =;", Record(REJECT, REJECT)),
        (b"v=DMARC1; p=reject; pct=200", Record(REJECT, REJECT)),
        (b"v=DMARC1; p=reject; p=none", Record(REJECT, REJECT)),
        (b"v=DMARC1; rua=mailto:reports@client.example", Record(NONE, NONE)),
        (b"v=DMARC1; p=nonsense; rua=mailto:reports@client.example", Record(NONE, NONE)),
        (b"v=DMARC1; p=nonsense", None),
        (b"v=DMARC1; \xff\xfe", None),
    ],
)
def test_a_record_asks_for_what_can_be_read_of_it(text: bytes, record: Record | None) -> None:
    assert read_record(text) == record


SPF_PASS = Spf(Result.PASS, "bounce.client.example")
SIGNED = (Dkim(Result.PASS, "mail.client.example"),)
STRANGE = Spf(Result.PASS, "other.example")


async def outcome(
    records: dict[str, list[str]],
    spf: Spf | None = None,
    dkim: Sequence[Dkim] = (),
    *,
    sender: bytes = b"a@client.example",
    sample: int = 0,
) -> Dmarc:
    found = await find_records(ZoneDns(records), Header(b"From: " + sender + b"\r\n"))
    return found if isinstance(found, Dmarc) else judge(found, spf, dkim, sample)


RECORD = {"_dmarc.client.example TXT": ["v=DMARC1; p=reject; sp=quarantine"]}
STRICT = {"_dmarc.client.example TXT": ["v=DMARC1; p=reject; aspf=s; adkim=s"]}


@pytest.mark.parametrize(
    ("records", "spf", "dkim", "expected"),
    [
        (RECORD, SPF_PASS, SIGNED, Dmarc(Result.PASS, "client.example", REJECT, True, True)),
        (RECORD, SPF_PASS, (), Dmarc(Result.PASS, "client.example", REJECT, True, False)),
        (RECORD, STRANGE, SIGNED, Dmarc(Result.PASS, "client.example", REJECT, False, True)),
        (
            RECORD,
            STRANGE,
            (Dkim(Result.PASS, "other.example"),),
            Dmarc(Result.FAIL, "client.example", REJECT),
        ),
        (RECORD, Spf(Result.SOFTFAIL, "client.example"), (), Dmarc(Result.FAIL, "client.example", REJECT)),
        (
            RECORD,
            None,
            (Dkim(Result.POLICY, "client.example"),),
            Dmarc(Result.FAIL, "client.example", REJECT),
        ),
        (STRICT, SPF_PASS, SIGNED, Dmarc(Result.FAIL, "client.example", REJECT)),
        (
            STRICT,
            Spf(Result.PASS, "Client.example"),
            (),
            Dmarc(Result.PASS, "client.example", REJECT, True, False),
        ),
        ({}, SPF_PASS, SIGNED, Dmarc(Result.NONE, "client.example")),
    ],
)
async def test_who_speaks_for_the_author_decides(
    records: dict[str, list[str]], spf: Spf | None, dkim: Sequence[Dkim], expected: Dmarc
) -> None:
    assert await outcome(records, spf, dkim) == expected


@pytest.mark.parametrize(
    ("spf", "dkim"),
    [
        (Spf(Result.TEMPERROR, "client.example"), ()),
        (STRANGE, (Dkim(Result.TEMPERROR, "client.example"),)),
    ],
)
async def test_trouble_of_dns_is_no_failure(spf: Spf, dkim: Sequence[Dkim]) -> None:
    assert (await outcome(RECORD, spf, dkim)).result is Result.TEMPERROR


async def test_trouble_that_concerns_another_domain_is_none_of_ours() -> None:
    found = await outcome(RECORD, Spf(Result.TEMPERROR, "other.example"))

    assert found.result is Result.FAIL


async def test_a_record_that_cannot_be_found_now_is_temporary() -> None:
    found = await outcome({"_dmarc.client.example FAIL": []}, STRANGE)

    assert found == Dmarc(
        Result.TEMPERROR,
        "client.example",
        reason="the record of client.example cannot be found now: the server failed",
    )


async def test_a_subdomain_is_asked_what_the_organisation_says_of_subdomains() -> None:
    found = await outcome(RECORD, STRANGE, sender=b"a@news.client.example")

    assert found == Dmarc(Result.FAIL, "news.client.example", QUARANTINE)


async def test_a_subdomain_s_own_record_counts_before_that_of_the_organisation() -> None:
    own = RECORD | {"_dmarc.news.client.example TXT": ["v=DMARC1; p=none"]}

    assert (await outcome(own, STRANGE, sender=b"a@news.client.example")).request is NONE


async def test_several_records_are_none_and_end_the_search() -> None:
    twice = RECORD | {"_dmarc.news.client.example TXT": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}

    assert (await outcome(twice, STRANGE, sender=b"a@news.client.example")).result is Result.NONE


async def test_texts_that_are_no_records_are_passed_over() -> None:
    records = {"_dmarc.client.example TXT": ["v=spf1 -all", "v=DMARC1; p=reject", "v=DMARC10; p=none"]}

    assert (await outcome(records, STRANGE)).request is REJECT


@pytest.mark.parametrize(
    ("sample", "request_"), [(0, REJECT), (29, REJECT), (30, QUARANTINE), (99, QUARANTINE)]
)
async def test_the_lot_decides_where_a_domain_asks_for_a_part_of_its_mail(
    sample: int, request_: Request
) -> None:
    records = {"_dmarc.client.example TXT": ["v=DMARC1; p=reject; pct=30"]}

    assert (await outcome(records, STRANGE, sample=sample)).request is request_


@pytest.mark.parametrize(
    "sender", [b"a@client.example, b@victim.example", b"b@victim.example, a@client.example"]
)
async def test_of_several_authors_the_one_who_fares_worst_counts(sender: bytes) -> None:
    records = RECORD | {"_dmarc.victim.example TXT": ["v=DMARC1; p=reject"]}

    found = await outcome(records, SPF_PASS, SIGNED, sender=sender)

    assert found == Dmarc(Result.FAIL, "victim.example", REJECT)


async def test_of_two_who_fail_the_stricter_domain_counts() -> None:
    records = RECORD | {"_dmarc.mild.example TXT": ["v=DMARC1; p=none"]}

    found = await outcome(records, STRANGE, sender=b"a@mild.example, b@client.example")

    assert (found.domain, found.request) == ("client.example", REJECT)


async def test_mail_that_shows_no_author_has_no_outcome() -> None:
    assert await outcome({}, SPF_PASS, sender=b"nobody") == Dmarc(Result.NONE, reason="From shows no domain")


async def test_mail_of_too_many_authors_is_an_error() -> None:
    sender = b", ".join(b"a@d%d.example" % number for number in range(20))

    assert (await outcome({}, SPF_PASS, sender=sender)).result is Result.PERMERROR
