from __future__ import annotations

import pytest

from gateway.dns.port import Tlsa
from gateway.domain.tls import OutgoingTls, TlsRule
from services.sender.hosts import Host
from services.sender.https import NotFetched
from services.sender.protecting import Protector
from services.sender.routing import Destination, Unroutable
from services.sender.security import Security, TlsRules
from services.sender.stspolicies import StsPolicies
from tests.support.zones import ZoneDns

NONE, MAY, ENCRYPT, VERIFY = OutgoingTls
B = Destination("b.example", by_mx=True)
ONE, TWO = Host("mx1.b.example", "192.0.2.1"), Host("mx2.b.example", "192.0.2.2")
DIGEST = "ab" * 32
RIGHT = (Tlsa(3, 1, 1, bytes.fromhex(DIGEST)),)

SIGNED = {
    "b.example MX": ["10 mx1.b.example", "20 mx2.b.example"],
    "b.example SECURE": [],
    "mx1.b.example A": ["192.0.2.1"],
    "mx1.b.example SECURE": [],
    "mx2.b.example A": ["192.0.2.2"],
    "mx2.b.example SECURE": [],
    "_25._tcp.mx1.b.example TLSA": [f"3 1 1 {DIGEST}"],
    "_25._tcp.mx1.b.example SECURE": [],
}
ANNOUNCED = {"_mta-sts.b.example TXT": ["v=STSv1; id=1;"]}


def sts(zone: dict[str, list[str]], *, mode: str = "enforce", hosts: str = "mx1.b.example") -> StsPolicies:
    async def fetch(host: str, path: str, *, content_type: str, most_bytes: int) -> bytes:
        if host != "mta-sts.b.example":
            raise NotFetched(host)
        return f"version: STSv1\nmode: {mode}\nmx: {hosts}\nmax_age: 86400\n".encode()

    return StsPolicies(ZoneDns(zone), fetch)


async def securities(protector: Protector, destination: Destination = B, *hosts: Host) -> dict[str, Security]:
    found = await protector.protected(destination, hosts or (ONE, TWO))
    return {host.name: host.security for host in found}


@pytest.mark.parametrize("tls", OutgoingTls)
async def test_what_is_said_in_general_holds_for_all(tls: OutgoingTls) -> None:
    protector = Protector(TlsRules(tls=tls, authorities="/ca.pem"))

    assert set((await securities(protector)).values()) == {Security(tls, "/ca.pem")}


@pytest.mark.parametrize(
    ("destination", "security"),
    [
        (B, Security(VERIFY, "/partner.pem")),
        (Destination("B.EXAMPLE", by_mx=True), Security(VERIFY, "/partner.pem")),
        (Destination("old.example", by_mx=True), Security(NONE, "/ca.pem")),
        (Destination("other.example", by_mx=True), Security(ENCRYPT, "/ca.pem")),
        (Destination("192.0.2.7", 1025), Security(VERIFY, "/ca.pem")),
    ],
)
async def test_the_first_rule_that_names_a_destination_decides(
    destination: Destination, security: Security
) -> None:
    rules = [
        TlsRule("b.example", VERIFY, "/partner.pem"),
        TlsRule("192.0.2.*", VERIFY),
        TlsRule("old.example", NONE),
        TlsRule("b.example", NONE),
    ]
    protector = Protector(TlsRules(tls=ENCRYPT, authorities="/ca.pem", rules=rules))

    assert await securities(protector, destination, ONE) == {"mx1.b.example": security}


async def test_a_socket_in_the_file_system_needs_no_tls() -> None:
    host = Host("local", "unix:/run/lmtp", lmtp=True)

    assert await securities(Protector(TlsRules(tls=VERIFY)), B, host) == {"local": Security()}


async def test_a_host_that_a_policy_allows_has_to_prove_its_name() -> None:
    protector = Protector(TlsRules(tls=MAY, authorities="/ca.pem"), policies=sts(ANNOUNCED))

    assert await securities(protector) == {"mx1.b.example": Security(VERIFY, "/ca.pem")}


async def test_mail_waits_when_a_policy_allows_none_of_the_hosts() -> None:
    protector = Protector(TlsRules(tls=MAY), policies=sts(ANNOUNCED, hosts="elsewhere.example"))

    with pytest.raises(Unroutable, match="MTA-STS") as unroutable:
        await protector.protected(B, (ONE, TWO))

    assert unroutable.value.enhanced == "4.7.5"


@pytest.mark.parametrize("mode", ["testing", "none"])
async def test_a_policy_that_is_only_tried_keeps_no_mail_back(mode: str) -> None:
    protector = Protector(TlsRules(tls=MAY), policies=sts(ANNOUNCED, mode=mode))

    assert await securities(protector) == {"mx1.b.example": Security(MAY), "mx2.b.example": Security(MAY)}


async def test_a_host_of_the_routing_table_has_no_policy_of_a_domain() -> None:
    protector = Protector(TlsRules(tls=MAY), policies=sts(ANNOUNCED))

    assert await securities(protector, Destination("b.example"), ONE) == {"mx1.b.example": Security(MAY)}


async def test_a_host_has_to_show_the_certificate_that_dns_names() -> None:
    protector = Protector(TlsRules(tls=MAY), validating=ZoneDns(SIGNED))

    assert await securities(protector) == {
        "mx1.b.example": Security(VERIFY, tlsa=RIGHT, names=("mx1.b.example", "b.example")),
        "mx2.b.example": Security(MAY),
    }


@pytest.mark.parametrize(
    "missing", ["b.example SECURE", "mx1.b.example SECURE", "_25._tcp.mx1.b.example SECURE"]
)
async def test_records_that_are_not_validated_name_no_certificate(missing: str) -> None:
    zone = {key: value for key, value in SIGNED.items() if key != missing}
    protector = Protector(TlsRules(tls=MAY), validating=ZoneDns(zone))

    assert set((await securities(protector)).values()) == {Security(MAY)}


async def test_a_host_whose_address_is_not_validated_is_not_asked_for_records() -> None:
    dns = ZoneDns({key: value for key, value in SIGNED.items() if key != "mx1.b.example SECURE"})

    await securities(Protector(TlsRules(tls=MAY), validating=dns))

    assert not dns.asked["_25._tcp.mx1.b.example TLSA"]


@pytest.mark.parametrize("broken", ["_25._tcp.mx1.b.example FAIL", "mx1.b.example FAIL"])
async def test_a_host_of_which_nobody_knows_the_certificate_is_not_used(broken: str) -> None:
    protector = Protector(TlsRules(tls=MAY), validating=ZoneDns({**SIGNED, broken: []}))

    assert list(await securities(protector)) == ["mx2.b.example"]
    with pytest.raises(Unroutable, match="nobody knows now"):
        await protector.protected(B, (ONE,))


async def test_nothing_is_sent_while_nobody_knows_whether_hosts_are_real() -> None:
    protector = Protector(TlsRules(tls=MAY), validating=ZoneDns({**SIGNED, "b.example FAIL": []}))

    with pytest.raises(Unroutable):
        await protector.protected(B, (ONE, TWO))


async def test_a_host_that_validated_records_do_not_name_is_not_used() -> None:
    protector = Protector(TlsRules(tls=MAY), validating=ZoneDns(SIGNED))

    with pytest.raises(Unroutable, match="changed"):
        await protector.protected(B, (ONE, Host("evil.example", "192.0.2.9")))


async def test_a_domain_that_is_its_own_host_has_records_too() -> None:
    zone = {
        "c.example A": ["192.0.2.3"],
        "c.example SECURE": [],
        "_25._tcp.c.example TLSA": [f"3 1 1 {DIGEST}"],
        "_25._tcp.c.example SECURE": [],
    }
    protector = Protector(TlsRules(tls=MAY), validating=ZoneDns(zone))

    found = await securities(protector, Destination("c.example", by_mx=True), Host("c.example", "192.0.2.3"))

    assert found["c.example"].tlsa == RIGHT


async def test_a_host_of_the_routing_table_has_records_of_its_port() -> None:
    zone = {
        "in.example A": ["192.0.2.3"],
        "in.example SECURE": [],
        "_1025._tcp.in.example TLSA": [f"3 1 1 {DIGEST}"],
        "_1025._tcp.in.example SECURE": [],
    }
    protector = Protector(TlsRules(tls=MAY), validating=ZoneDns(zone))
    host = Host("in.example", "192.0.2.3", 1025)

    found = await securities(protector, Destination("in.example", 1025), host)

    assert found["in.example"] == Security(VERIFY, tlsa=RIGHT, names=("in.example",))


@pytest.mark.parametrize(("tls", "wanted"), [(MAY, ENCRYPT), (ENCRYPT, ENCRYPT), (VERIFY, VERIFY)])
async def test_records_that_say_nothing_to_us_still_mean_tls(tls: OutgoingTls, wanted: OutgoingTls) -> None:
    zone = {**SIGNED, "_25._tcp.mx1.b.example TLSA": ["0 1 1 " + DIGEST]}
    protector = Protector(TlsRules(tls=tls, authorities="/ca.pem"), validating=ZoneDns(zone))

    assert (await securities(protector))["mx1.b.example"] == Security(wanted, "/ca.pem")


async def test_records_go_before_a_policy() -> None:
    protector = Protector(
        TlsRules(tls=MAY), policies=sts(ANNOUNCED, hosts="mx2.b.example"), validating=ZoneDns(SIGNED)
    )

    found = await securities(protector)

    assert found["mx1.b.example"].tlsa == RIGHT
    assert found["mx2.b.example"] == Security(VERIFY)


async def test_a_rule_and_no_tls_at_all_ask_nobody() -> None:
    dns = ZoneDns({**SIGNED, **ANNOUNCED})
    for rules in (TlsRules(tls=NONE), TlsRules(tls=MAY, rules=[TlsRule("*", ENCRYPT)])):
        await securities(Protector(rules, policies=sts(ANNOUNCED), validating=dns))

    assert not dns.asked
