"""Who sent a message: found out by DNS, told on top of it and in its journey, sealed where it was changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.authentication.examination import Methods
from gateway.domain.authentication import Arc, Result
from tests.support.authentication import MESSAGE, edwards_key, examined, key_record, rsa_key, signed
from tests.support.dns import DnsServer, dns_server
from tests.support.embedded import Embedded, embedded
from tests.support.passage import an_address
from tests.support.posting import added_on_top
from tests.support.zones import ZoneDns

pytestmark = pytest.mark.asyncio(loop_scope="module")

GROUPS = """
[smtpgw.group:strict]
Recipients=*@strict.example
RefuseDMARCFail=yes
"""

ZONE = {
    "client.example TXT": ["v=spf1 include:_spf.client.example -all"],
    "_spf.client.example TXT": ["v=spf1 ip4:127.0.0.1 -all"],
    "s1._domainkey.client.example TXT": [key_record(rsa_key())],
    "_dmarc.client.example TXT": ["v=DMARC1; p=reject"],
    "slow.example SILENT": [],
}
AUTHOR = "author@client.example"
CLAIM = b"Authentication-Results: gateway.example; spf=pass; dkim=pass; dmarc=pass\r\n"


@dataclass(frozen=True, slots=True)
class Site:
    """A gateway that examines what comes from loopback, and the DNS that it asks."""

    gateway: Embedded
    dns: DnsServer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    pem = edwards_key().private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "seal.pem").write_bytes(pem)
    async with dns_server(ZONE) as dns:
        settings = {
            "smtpgw.access RelayRule": "allow from any to *@site.example\nallow from any to *@strict.example",
            "smtpgw.policy ActionSpam": "subject",
            "gateway.dns Server": dns.address,
            "gateway.authentication TrustedClient": "192.0.2.0/24",
            "gateway.authentication Timeout": "1",
            "gateway.authentication SealDomain": "gateway.example",
            "gateway.authentication SealSelector": "a1",
            "gateway.authentication SealKey": str(folder / "seal.pem"),
        }
        async with embedded(folder, settings=settings, groups=GROUPS) as gateway:
            yield Site(gateway, dns)


async def test_mail_says_on_top_who_sent_it(site: Site) -> None:
    address, sent = an_address(), signed()

    assert await site.gateway.post(sent, address, sender=AUTHOR) == "250 2.1.0 OK"

    arrived = await site.gateway.arrival(address)
    said = b" ".join(added_on_top(arrived.body, sent)[b"Authentication-Results"].split())
    assert said.startswith(
        b"gateway.example; spf=pass smtp.mailfrom=client.example; dkim=pass header.d=client.example"
    )
    assert said.endswith(b"dmarc=pass header.from=client.example policy.dmarc=reject; arc=none")


async def test_an_operator_sees_in_the_journey_who_sent_it(site: Site) -> None:
    address = an_address()
    await site.gateway.post(signed(), address, sender=AUTHOR)

    entered = await site.gateway.step(address, "Entered")

    found = entered["authentication"]
    assert isinstance(found, dict)
    assert found["spf"] == {
        "result": "pass",
        "domain": "client.example",
        "identity": "mailfrom",
        "reason": "include:_spf.client.example of client.example",
    }
    assert found["dkim"][0]["result"] == "pass"
    assert found["dmarc"]["result"] == "pass"


async def test_what_others_say_in_our_name_does_not_arrive(site: Site) -> None:
    address = an_address()
    await site.gateway.post(CLAIM + MESSAGE, address, sender="x@forger.example")

    arrived = await site.gateway.arrival(address)

    assert CLAIM not in arrived.body
    assert arrived.body.endswith(MESSAGE[MESSAGE.index(b"Date:") :])  # its Subject may be marked
    assert arrived.body.count(b"\r\nAuthentication-Results:") == 1
    assert b"dmarc=fail" in arrived.body


async def test_forged_mail_is_refused_where_the_policy_says_so(site: Site) -> None:
    strict, lenient = an_address("strict.example"), an_address()

    reply = await site.gateway.post(MESSAGE, strict, sender="x@forger.example")
    both = await site.gateway.post(MESSAGE, strict, lenient, sender="x@forger.example")

    assert reply == "550 5.7.26 client.example asks for messages to be refused that it did not send"
    assert both == "250 2.1.0 OK"
    assert b"dmarc=fail" in (await site.gateway.arrival(strict)).body
    assert b"dmarc=fail" in (await site.gateway.arrival(lenient)).body


async def test_dns_that_stays_silent_costs_no_mail(site: Site) -> None:
    address = an_address()
    await site.gateway.post(MESSAGE, address, sender="x@slow.example")

    arrived = await site.gateway.arrival(address)

    assert b"spf=temperror" in arrived.body


async def test_mail_that_was_changed_leaves_with_a_seal_that_holds(site: Site) -> None:
    address = an_address()
    spam = MESSAGE.replace(b"A  message", b"spam is bad do not send it")
    await site.gateway.post(signed(spam), address, sender=AUTHOR)

    arrived = (await site.gateway.arrival(address)).body

    assert b"Subject: [!! SPAM] spam is bad" in arrived
    next_hop = ZoneDns({"a1._domainkey.gateway.example TXT": [key_record(edwards_key())]})
    found = await examined(arrived, next_hop, methods=Methods(spf=False, dmarc=False))
    assert found.arc == Arc(Result.PASS, ("gateway.example",), Result.PASS)
