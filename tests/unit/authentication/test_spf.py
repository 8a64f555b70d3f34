"""SPF where the published suite does not look: limits that hold, trouble of DNS, what is told."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from gateway.authentication.spf.evaluation import Evaluation, Sender
from gateway.authentication.spf.record import RecordError, record_of
from gateway.domain.authentication import Identity, Result
from tests.support.dns import Zone
from tests.support.zones import ZoneDns


def sender(
    mailfrom: str = "user@client.example", *, client: str = "192.0.2.1", helo: str = "mx.client.example"
) -> Sender:
    return Sender(ip_address(client), mailfrom, helo)


def evaluation(zone: Zone, of: Sender | None = None) -> tuple[Evaluation, ZoneDns]:
    dns = ZoneDns(zone)
    return Evaluation(dns, of or sender(), receiver="gw.example", now=1_800_000_000.7), dns


async def test_the_term_that_decided_is_told() -> None:
    judging, _ = evaluation({"client.example TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]})

    found = await judging.check()

    assert found.result is Result.PASS
    assert found.reason == "ip4:192.0.2.0/24 of client.example"


async def test_what_is_wrong_is_told_with_its_place() -> None:
    judging, _ = evaluation(
        {
            "client.example TXT": ["v=spf1 include:_spf.client.example -all"],
            "_spf.client.example TXT": ["v=spf1 ipv4:192.0.2.1 -all"],
        }
    )

    found = await judging.check()

    assert found.result is Result.PERMERROR
    assert found.reason == (
        "in the record of _spf.client.example, 'ipv4:192.0.2.1': there is no such mechanism"
    )


async def test_mail_with_the_null_sender_is_judged_by_helo() -> None:
    judging, _ = evaluation({"mx.client.example TXT": ["v=spf1 a -all"]}, sender(""))

    found = await judging.check()

    assert (found.result, found.domain, found.identity) == (
        Result.FAIL,
        "mx.client.example",
        Identity.HELO,
    )


async def test_a_domain_beyond_ascii_is_asked_for_by_its_a_labels() -> None:
    judging, _ = evaluation(
        {"xn--bcher-kva.example TXT": ["v=spf1 ip4:192.0.2.1 -all"]}, sender("user@bücher.example")
    )

    found = await judging.check()

    assert (found.result, found.domain) == (Result.PASS, "xn--bcher-kva.example")


async def test_trouble_of_dns_is_temporary() -> None:
    judging, _ = evaluation(
        {"client.example TXT": ["v=spf1 a:dead.example -all"], "dead.example FAIL": ["x"]}
    )

    assert (await judging.check()).result is Result.TEMPERROR


async def test_a_matching_exchange_counts_though_another_cannot_be_found() -> None:
    zone = {
        "client.example TXT": ["v=spf1 mx -all"],
        "client.example MX": ["10 dead.example", "20 mx.client.example"],
        "dead.example FAIL": ["x"],
        "mx.client.example A": ["192.0.2.1"],
    }

    assert (await evaluation(zone)[0].check()).result is Result.PASS
    assert (await evaluation(zone, sender(client="192.0.2.9"))[0].check()).result is Result.TEMPERROR


async def test_a_void_term_counts_once_however_many_hosts_it_names() -> None:
    exchanges = [f"{number} gone{number}.example" for number in range(5)]
    judging, _ = evaluation({"client.example TXT": ["v=spf1 mx -all"], "client.example MX": exchanges})

    assert (await judging.check()).result is Result.FAIL


async def test_records_that_include_each_other_cost_a_bounded_number_of_questions() -> None:
    others = " ".join(f"include:loop{number}.example" for number in range(20))
    zone = {f"loop{number}.example TXT": [f"v=spf1 {others}"] for number in range(20)}
    judging, dns = evaluation(zone | {"client.example TXT": [f"v=spf1 {others}"]})

    found = await judging.check()

    assert (found.result, found.reason) == (Result.PERMERROR, "more than 10 terms ask DNS")
    assert dns.asked.total() <= 11


async def test_no_record_makes_us_ask_for_more_than_the_standard_allows() -> None:
    hosts = [f"{number} host{number}.example" for number in range(10)]
    names = [f"host{number}.example" for number in range(30)]
    judging, dns = evaluation(
        {
            "client.example TXT": ["v=spf1 mx mx mx mx mx ptr ptr ptr ptr exists:%{p}.x.example -all"],
            "client.example MX": hosts,
            "1.2.0.192.in-addr.arpa PTR": names,
        }
    )

    await judging.check()

    assert dns.asked.total() <= 1 + 5 * 11 + 1 + 10 + 1


async def test_an_explanation_is_filled_in() -> None:
    judging, _ = evaluation(
        {
            "client.example TXT": ["v=spf1 -all exp=why.client.example"],
            "why.client.example TXT": ["%{i} is not ours (%{r}, %{t}): %{l}"],
        }
    )

    await judging.check()

    assert await judging.explanation() == "192.0.2.1 is not ours (gw.example, 1800000000): user"


@pytest.mark.parametrize(
    "texts",
    [["one", "two"], ["%{x}"], ["n\xf6"], ["tab\there"], []],
    ids=["two", "macro", "8 bit", "tab", "none"],
)
async def test_an_explanation_that_is_not_right_is_none(texts: list[str]) -> None:
    judging, _ = evaluation({"client.example TXT": ["v=spf1 -all exp=why.example"], "why.example TXT": texts})

    await judging.check()

    assert await judging.explanation() == ""


async def test_an_explanation_is_cut_to_what_a_reply_can_hold() -> None:
    judging, _ = evaluation(
        {"client.example TXT": ["v=spf1 -all exp=why.example"], "why.example TXT": ["word " * 1000]}
    )

    await judging.check()

    assert len(await judging.explanation()) == 400


async def test_who_passes_is_explained_nothing() -> None:
    judging, _ = evaluation(
        {"client.example TXT": ["v=spf1 +all exp=why.example"], "why.example TXT": ["because"]}
    )

    await judging.check()

    assert await judging.explanation() == ""


@pytest.mark.parametrize(
    "record",
    [
        b"v=spf1 " + b"a " * 20_000,
        b"v=spf1 a:%{" + b"d" * 10_000,
        b"v=spf1 a:%{d99999999999}.example",
        b"v=spf1 a:%{d0}.example",
        b"v=spf1 ip4:192.0.2.1/" + b"9" * 5000,
        b"v=spf1 a/" + b"0" * 5000,
        b"v=spf1 ip6:fe80::1%eth0",
        b"v=spf1 a:client.example}",
        b"v=spf1 redirect=a.example redirect=a.example",
    ],
)
def test_a_record_that_is_not_right_is_an_error(record: bytes) -> None:
    with pytest.raises(RecordError):
        record_of([record])


def test_texts_that_are_no_records_are_passed_over() -> None:
    assert record_of([b"", b"v=spf10 -all", b"v=spf2.0/pra -all", b"\xff", b"v=spf1"]) is not None
    assert record_of([b"google-site-verification=x"]) is None
