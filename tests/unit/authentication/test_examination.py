"""A message examined as it comes in: in pieces, with DNS that is slow, and with what no mail should be."""

from __future__ import annotations

import asyncio

import pytest

from gateway.authentication.arc.sealing import Sealer, arc_set
from gateway.authentication.examination import Examination, Methods
from gateway.authentication.header import MOST_BYTES, Header
from gateway.dns.port import Answer, Kind
from gateway.domain.authentication import Arc, Authentication, Dkim, Dmarc, Request, Result, Spf
from tests.support.authentication import MESSAGE, NOW, SENDER, examined, key_record, rsa_key, signed
from tests.support.waiting import until
from tests.support.zones import ZoneDns

ZONE = {
    "client.example TXT": ["v=spf1 ip4:192.0.2.1 -all exp=why.client.example"],
    "why.client.example TXT": ["because"],
    "s1._domainkey.client.example TXT": [key_record(rsa_key())],
    "_dmarc.client.example TXT": ["v=DMARC1; p=reject"],
}


class SlowDns(ZoneDns):
    """Answers once it is allowed to."""

    def __init__(self, zone: dict[str, list[str]]) -> None:
        super().__init__(zone)
        self.allowed = asyncio.Event()

    async def ask(self, name: str, kind: Kind) -> Answer:
        await self.allowed.wait()
        return await super().ask(name, kind)


def examination(dns: ZoneDns, methods: Methods | None = None) -> Examination:
    return Examination(methods or Methods(), dns, SENDER, hostname="gw.example", now=NOW)


async def test_all_methods_together() -> None:
    assert await examined(signed(), ZoneDns(ZONE)) == Authentication(
        spf=Spf(Result.PASS, "client.example", reason="ip4:192.0.2.1 of client.example"),
        dkim=(
            Dkim(
                Result.PASS, "client.example", "s1", "rsa-sha256", signed().partition(b"\tb=")[2][:8].decode()
            ),
        ),
        dmarc=Dmarc(Result.PASS, "client.example", Request.REJECT, True, True),
        arc=Arc(Result.NONE),
    )


async def test_what_is_not_wanted_is_not_asked() -> None:
    dns = ZoneDns(ZONE)

    found = await examined(signed(), dns, methods=Methods(spf=False, dkim=False, dmarc=False, arc=False))

    assert found == Authentication()
    assert not dns.asked


@pytest.mark.parametrize("size", [1, 2, 3, 64, 1000])
async def test_where_a_message_is_cut_changes_nothing(size: int) -> None:
    message = signed()
    examining = examination(ZoneDns(ZONE))

    for at in range(0, len(message), size):
        examining.take(message[at : at + size])

    assert await examining.finish(within=10, sample=0) == await examined(message, ZoneDns(ZONE))


async def test_dns_is_asked_while_the_message_is_still_coming() -> None:
    dns = SlowDns(ZONE)
    dns.allowed.set()
    message = signed()
    examining = examination(dns)

    examining.take(message[: message.index(b"\r\n\r\n") + 4])
    await until(lambda: dns.asked.total() == 3)

    assert {*dns.asked} == {
        "client.example TXT",
        "s1._domainkey.client.example TXT",
        "_dmarc.client.example TXT",
    }
    examining.close()


async def test_answers_that_come_too_late_make_the_outcome_temporary() -> None:
    message = signed()
    seal = arc_set(
        Header(message),
        b"hash",
        Result.NONE,
        Sealer("gw.first.example", "first.example", "a1", rsa_key()),
        NOW,
    )
    examining = examination(SlowDns(ZONE))
    examining.take(seal + message)

    found = await examining.finish(within=0, sample=0)

    late = "DNS did not answer in time"
    assert found.spf == Spf(Result.TEMPERROR, "client.example", reason=late)
    assert found.dkim
    assert (found.dkim[0].result, found.dkim[0].reason) == (Result.TEMPERROR, late)
    assert found.dmarc == Dmarc(Result.TEMPERROR, reason=late)
    assert found.arc == Arc(Result.TEMPERROR, reason=late)
    examining.close()


async def test_what_was_answered_counts_though_the_rest_is_late() -> None:
    class SlowKeys(SlowDns):
        async def ask(self, name: str, kind: Kind) -> Answer:
            if "_domainkey" in name:
                await self.allowed.wait()
            return await ZoneDns.ask(self, name, kind)

    examining = examination(SlowKeys(ZONE))
    examining.take(signed())

    found = await examining.finish(within=0.01, sample=0)

    assert found.spf
    assert found.spf.result is Result.PASS
    assert found.dmarc == Dmarc(Result.PASS, "client.example", Request.REJECT, True, False)
    examining.close()


async def test_nothing_is_asked_any_more_once_it_is_closed() -> None:
    before = asyncio.all_tasks()
    examining = examination(SlowDns(ZONE))
    examining.take(signed())

    examining.close()

    left = asyncio.all_tasks() - before
    assert left
    await asyncio.wait(left, timeout=10)
    assert all(task.cancelled() for task in left)


@pytest.mark.parametrize("message", [b"", b"\r\n", b"\r\nbody\r\n", b"no header at all", b"\r\n\r\n\r\n"])
async def test_a_message_without_a_header_is_examined_all_the_same(message: bytes) -> None:
    found = await examined(message, ZoneDns(ZONE))

    assert found.spf
    assert found.dkim == ()
    assert found.dmarc == Dmarc(Result.NONE, reason="From shows no domain")
    assert found.arc == Arc(Result.NONE)


async def test_a_header_without_an_end_is_all_of_the_message() -> None:
    found = await examined(signed().partition(b"\r\n\r\n")[0] + b"\r\n", ZoneDns(ZONE))

    assert found.dkim
    assert (found.dkim[0].domain, found.dkim[0].reason) == ("client.example", "the body was changed")


async def test_a_header_that_is_too_long_is_not_examined() -> None:
    long = b"X: y\r\n" * (MOST_BYTES // 6 + 1)
    reason = "the header is too long"

    found = await examined(signed(long + MESSAGE), ZoneDns(ZONE))

    assert found.dkim == (Dkim(Result.PERMERROR, reason=reason),)
    assert found.dmarc == Dmarc(Result.PERMERROR, reason=reason)
    assert found.arc == Arc(Result.PERMERROR, reason=reason)


async def test_an_explanation_is_waited_for_no_longer_than_told() -> None:
    dns = SlowDns(ZONE | {"client.example TXT": ["v=spf1 -all exp=why.client.example"]})
    dns.allowed.set()
    examining = examination(dns)
    examining.take(MESSAGE)
    await examining.finish(within=10, sample=0)

    assert await examining.explanation(within=10) == "because"
    dns.allowed.clear()
    assert await examining.explanation(within=0) == ""
