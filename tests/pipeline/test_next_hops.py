"""Next hops of all kinds: by LMTP, in TLS, without 8BITMIME, and the one that is the gateway itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.domain.journey import Ending
from gateway.domain.statistics import Counter
from tests.support.certificates import authority, host_certificate
from tests.support.dns import dns_server
from tests.support.embedded import HASTY, Embedded, embedded
from tests.support.passage import ENDS_WITHIN, an_address
from tests.support.posting import added_on_top
from tests.support.samples import plain
from tests.support.smtp_peer import SmtpPeer, smtp_peer

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENT = plain("Lunch on Friday?")
ROOT = authority("Partner's Authority")
ZONE = {
    "loops.example MX": ["10 relay.example", "20 later.example"],
    "relay.example A": ["192.0.2.25"],
    "later.example A": ["192.0.2.26"],
    "null.example MX": ["0 ."],
}
COUNTED = (Counter.OUTGOING_CONNECTIONS, Counter.ROUTING_QUERIES, Counter.DNS_QUERIES)


@dataclass
class Site:
    """A gateway, and the servers behind it."""

    gateway: Embedded
    lmtp: SmtpPeer
    socket: SmtpPeer
    partner: SmtpPeer
    folder: Path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    trusted, _ = ROOT.write(folder, "partner")
    async with (
        smtp_peer() as lmtp,
        smtp_peer(socket_path=folder / "lmtp") as socket,
        smtp_peer() as partner,
        dns_server(ZONE) as dns,
    ):
        lmtp.lmtp = socket.lmtp = True
        routes = [
            f"*@mailboxes.example lmtp:[127.0.0.1:{lmtp.port}]",
            f"*@here.example lmtp:[unix:{folder}/lmtp]",
            f"*@partner.example [127.0.0.1:{partner.port}]",
            "*@loops.example loops.example",
            "*@null.example null.example",
        ]
        settings = {
            "gateway.tls TlsRule": f"127.0.0.1 verify {trusted}",
            "gateway.delivery OwnAddress": "192.0.2.25",
            "gateway.dns Server": dns.address,
        }
        async with embedded(folder, settings=settings, routes=routes, beyond=HASTY) as running:
            # The mail server behind the gateway has that address, too, and a certificate for it.
            running.next_hop.tls = host_certificate("127.0.0.1", by=ROOT).server_context(folder)
            lmtp.tls = running.next_hop.tls
            yield Site(running, lmtp, socket, partner, folder)


async def test_each_mailbox_behind_lmtp_has_its_own_answer(site: Site) -> None:
    taken, full = an_address("mailboxes.example"), an_address("mailboxes.example")
    site.lmtp.answers[f".RCPT TO:<{full}>"] = "552 5.2.2 mailbox full"

    await site.gateway.post(SENT, taken, full, sender="a@client.example")
    kept = await site.gateway.ended(taken)

    [received] = site.lmtp.received
    assert kept.state == Ending.BOUNCED
    assert received.rcpt_to == (f"RCPT TO:<{taken}>",)
    assert received.tls
    added_on_top(received.body, SENT)


async def test_a_mailbox_server_may_be_a_socket_on_the_same_machine(site: Site) -> None:
    to = an_address("here.example")

    await site.gateway.post(SENT, to)

    assert (await site.gateway.ended(to)).state == Ending.DELIVERED
    assert site.socket.received[0].rcpt_to == (f"RCPT TO:<{to}>",)


async def test_mail_waits_until_the_next_hop_has_the_certificate_that_it_must_have(site: Site) -> None:
    to = an_address("partner.example")
    site.partner.tls = host_certificate("127.0.0.1").server_context(site.folder)
    await site.gateway.post(SENT, to)
    waiting = await site.gateway.step(to, "Deferred")
    site.partner.tls = host_certificate("127.0.0.1", by=ROOT).server_context(site.folder)
    kept = await site.gateway.ended(to)

    assert "its certificate is not accepted" in str(waiting["reason"])
    assert kept.state == Ending.DELIVERED
    assert [received.tls for received in site.partner.received] == [True]


async def test_mail_for_servers_behind_ourselves_is_bounced(site: Site) -> None:
    to = an_address("loops.example")

    await site.gateway.post(SENT, to)
    kept = await site.gateway.ended(to)
    tried = await site.gateway.step(to, "Tried")

    assert kept.state == Ending.BOUNCED
    assert "loops back to this host" in str(tried["replies"])


async def test_mail_for_a_domain_that_takes_none_is_bounced(site: Site) -> None:
    to = an_address("null.example")

    await site.gateway.post(SENT, to)

    assert (await site.gateway.ended(to)).state == Ending.BOUNCED


async def test_a_next_hop_without_8bitmime_gets_seven_bits(site: Site) -> None:
    next_hop = site.gateway.next_hop
    message = "Subject: hi\r\nMessage-ID: <1@client.example>\r\n\r\n5 °C, and rain.\r\n".encode()
    usual, next_hop.extensions = next_hop.extensions, ("PIPELINING",)
    next_hop.hang_up_all()
    try:
        received = await site.gateway.send(message)
    finally:
        next_hop.extensions = usual
        next_hop.hang_up_all()

    assert received.body.isascii()
    assert received.body.endswith(b"\r\n\r\n5 =C2=B0C, and rain.\r\n")


async def test_what_goes_out_is_counted(site: Site) -> None:
    to = an_address()
    await site.gateway.post(SENT, to)
    await site.gateway.ended(to)

    records = site.gateway.gateway.records
    async with asyncio.timeout(ENDS_WITHIN):
        while 0 in map((await records.statistics()).__getitem__, COUNTED):
            await asyncio.sleep(0.05)
