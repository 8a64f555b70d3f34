"""ARC where the published suites do not look: chains of several sealers, and what they cost."""

from __future__ import annotations

from gateway.authentication.arc.sealing import Sealer, arc_set
from gateway.authentication.dkim.bodyhash import BodyHashes
from gateway.authentication.dkim.signing import COVERAGE
from gateway.authentication.examination import Methods
from gateway.authentication.header import Header
from gateway.domain.authentication import Arc, Result
from gateway.domain.headers import header_end
from tests.support.authentication import MESSAGE, NOW, edwards_key, examined, key_record, rsa_key
from tests.support.zones import ZoneDns

ALONE = Methods(spf=False, dkim=False, dmarc=False)
FIRST = Sealer("gw.first.example", "first.example", "a1", rsa_key())
SECOND = Sealer("gw.second.example", "second.example", "a2", edwards_key())


def dns() -> ZoneDns:
    return ZoneDns(
        {
            "a1._domainkey.first.example TXT": [key_record(FIRST.key)],
            "a2._domainkey.second.example TXT": [key_record(SECOND.key)],
        }
    )


def sealed(message: bytes, sealer: Sealer = FIRST, state: Result = Result.NONE) -> bytes:
    """The message with a set of `sealer` on top, if it adds one."""
    end = header_end(message)
    body = BodyHashes([COVERAGE])
    body.update(message[end:])
    digest = body.finish()[COVERAGE].digest
    return arc_set(Header(message[:end]), digest, state, sealer, NOW) + message


async def chain(message: bytes, asking: ZoneDns | None = None) -> Arc:
    found = await examined(message, asking or dns(), methods=ALONE)
    assert found.arc is not None
    return found.arc


RESULTS = b"Authentication-Results: gw.first.example; dmarc=pass header.from=client.example\r\n"
TWICE = sealed(sealed(RESULTS + MESSAGE), SECOND, Result.PASS)


async def test_a_chain_names_its_sealers_and_what_the_first_of_them_saw() -> None:
    assert await chain(TWICE) == Arc(Result.PASS, ("first.example", "second.example"), Result.PASS)


async def test_what_a_sealer_wrote_in_quotes_or_comments_attests_nothing() -> None:
    for said in (b'spf=fail reason="; dmarc=pass"', b"spf=fail (; dmarc=pass ;)", b"xdmarc=pass"):
        results = b"Authentication-Results: gw.first.example; " + said + b"\r\n"

        assert (await chain(sealed(results + MESSAGE))).attested is Result.NONE


async def test_the_instance_comes_first_in_all_fields_of_a_set() -> None:
    header = Header(sealed(MESSAGE))

    for name in ("ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"):
        [field] = header.named(name)
        assert header.value(field).startswith(b" i=1;")


async def test_a_change_behind_the_last_seal_breaks_the_chain() -> None:
    for old, new, reason in (
        (b"in two lines", b"in three lines", "set 2: the body was changed"),
        (b"Subject: A", b"Subject: B", "set 2: the header was changed"),
        (b"cv=none", b"cv=none; x=y", "set 2: the seal is broken"),
        (b"dmarc=pass", b"dmarc=fail", "set 2: the seal is broken"),
    ):
        changed = TWICE.replace(old, new)

        assert changed != TWICE
        assert await chain(changed) == Arc(Result.FAIL, reason=reason)


async def test_a_set_taken_out_breaks_the_chain() -> None:
    end = TWICE.index(b"ARC-Seal: i=1")

    assert (await chain(TWICE[end:])).result is Result.PASS
    assert (await chain(TWICE[:end] + MESSAGE)).reason == "the sets are not whole"


async def test_a_broken_chain_is_marked_once_and_then_left_alone() -> None:
    broken = TWICE.replace(b"in two lines", b"in three lines")

    marked = sealed(broken, FIRST, Result.FAIL)

    assert b"ARC-Seal: i=3" in marked
    assert b"cv=fail" in marked
    assert (await chain(marked)).reason == "set 3 says that the chain was broken before it"
    assert sealed(marked, FIRST, Result.FAIL) == marked


async def test_what_is_not_known_is_not_sealed() -> None:
    for state in (Result.TEMPERROR, Result.PERMERROR, Result.NONE):
        assert sealed(TWICE, FIRST, state) == TWICE
    assert sealed(MESSAGE, FIRST, Result.PASS) == MESSAGE


async def test_a_chain_of_fifty_sets_is_full() -> None:
    message = sealed(MESSAGE)
    for _ in range(49):
        message = sealed(message, FIRST, Result.PASS)

    assert (await chain(message)).result is Result.PASS
    assert sealed(message, FIRST, Result.PASS) == message


async def test_a_long_chain_that_breaks_early_costs_few_questions() -> None:
    message = sealed(MESSAGE)
    for number in range(2, 41):
        sealer = Sealer("gw.example", f"d{number}.example", "s", FIRST.key)
        message = sealed(message, sealer, Result.PASS)
    asking = ZoneDns({"s._domainkey.d40.example TXT": [key_record(FIRST.key)]})

    found = await chain(message, asking)

    assert found == Arc(Result.FAIL, reason="set 39: there is no key")
    assert asking.asked.total() == 10


async def test_trouble_of_dns_does_not_break_a_chain() -> None:
    zone = dns().records | {"a1._domainkey.first.example FAIL": ["x"]}

    found = await chain(TWICE, ZoneDns(zone))

    assert found.result is Result.TEMPERROR
    assert sealed(TWICE, FIRST, found.result) == TWICE


async def test_a_seal_is_made_of_what_we_said_ourselves() -> None:
    fields = (
        b"Authentication-Results: gw.first.example; spf=pass smtp.mailfrom=client.example\r\n"
        b"Authentication-Results: other.example; dkim=pass\r\n"
        b"Authentication-Results: gw.first.example; none\r\n"
        b"Authentication-Results: GW.First.example;\r\n\tdkim=fail\r\n"
    )

    header = Header(sealed(fields + MESSAGE))
    [results] = header.named("ARC-Authentication-Results")

    assert b" ".join(header.value(results).split()) == (
        b"i=1; gw.first.example; spf=pass smtp.mailfrom=client.example; dkim=fail"
    )


async def test_who_found_nothing_out_says_so() -> None:
    header = Header(sealed(MESSAGE))
    [results] = header.named("ARC-Authentication-Results")

    assert header.value(results) == b" i=1; gw.first.example; none"
