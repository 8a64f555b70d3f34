"""The sender as its process runs it: mail comes from the bus, and leaves by SMTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.domain.errors import ConfigError
from gateway.domain.journey import Ending, Entered
from gateway.domain.mail import Mail
from gateway.domain.pipeline import QueueState, Stage
from gateway.runtime.ids import new_id
from gateway.runtime.wiring import Gateway
from services.sender.__main__ import run
from tests.support.dns import dns_server
from tests.support.mails import a_mail
from tests.support.sending import MESSAGE
from tests.support.smtp_peer import smtp_peer
from tests.support.stages import a_gateway, state_becomes


@asynccontextmanager
async def a_sender(
    folder: Path, next_hop_port: int, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Gateway]:
    async with a_gateway(folder, next_hop_port=next_hop_port, settings=settings) as gateway:
        running = asyncio.create_task(run(gateway))
        try:
            yield gateway
        finally:
            gateway.lifecycle.stop()
            await asyncio.wait_for(running, 30)


async def hand_over(gateway: Gateway, *recipients: str) -> Mail:
    """A mail that all other stages are done with."""
    mail_id = new_id()
    writer = gateway.blobs.create(mail_id)
    await writer.write(MESSAGE)
    mail = a_mail(mail_id, *recipients, body=await writer.commit())
    mail = replace(mail, envelope=replace(mail.envelope, received_at=datetime.now(UTC)))
    gateway.records.note(Entered(mail, Stage.SENDER, datetime.now(UTC)))
    await gateway.bus.publish(Stage.SENDER, [mail])
    return mail


async def test_mail_is_delivered_and_its_record_says_so(tmp_path: Path) -> None:
    async with smtp_peer() as peer, a_sender(tmp_path, peer.port) as gateway:
        mail = await hand_over(gateway, "bob@site.example")
        await state_becomes(gateway, mail.id, Ending.DELIVERED)

    assert [received.body for received in peer.received] == [MESSAGE]
    assert peer.commands[-1] == "QUIT"


async def test_the_sender_of_refused_mail_gets_a_notice_that_was_sent_as_mail(tmp_path: Path) -> None:
    async with smtp_peer() as peer, a_sender(tmp_path, peer.port) as gateway:
        peer.answers["RCPT TO:<bob"] = "550 5.1.1 no such user"
        mail = await hand_over(gateway, "bob@site.example")
        await state_becomes(gateway, mail.id, Ending.BOUNCED)
        await peer.until_received(1)

    (notice,) = peer.received
    assert notice.mail_from.startswith("MAIL FROM:<> ")
    assert notice.rcpt_to == ("RCPT TO:<sender@client.example> NOTIFY=NEVER",)
    assert b"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n" in notice.body


async def test_mail_that_has_to_wait_stays_queued(tmp_path: Path) -> None:
    async with smtp_peer() as peer, a_sender(tmp_path, peer.port) as gateway:
        peer.answers["RCPT TO:<bob"] = "451 4.7.1 greylisted"
        mail = await hand_over(gateway, "bob@site.example", "eve@site.example")
        async with asyncio.timeout(30):
            while (record := await gateway.records.mail(mail.id)) is None or record.attempts == 0:
                await asyncio.sleep(0.01)

    assert record.state == QueueState.QUE
    assert record.reason.endswith("451 greylisted")
    assert [received.rcpt_to for received in peer.received] == [("RCPT TO:<eve@site.example>",)]


async def test_mail_for_a_host_that_crawls_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.sender.lanes.LONGEST_QUEUE", 0.1)
    async with smtp_peer() as crawling, smtp_peer() as quick:
        crawling.hold = asyncio.Event()
        routes = f"*@slow.example [127.0.0.1:{crawling.port}]\n* [127.0.0.1:{quick.port}]"
        async with a_sender(tmp_path, 1, {"smtpgw.forward ForwardRoute": routes}) as gateway:
            more_than_are_taken_at_once = 2 * gateway.settings.bus.prefetch
            for number in range(more_than_are_taken_at_once):
                await hand_over(gateway, f"to{number}@slow.example")
            await hand_over(gateway, "bob@quick.example")
            await quick.until_received(1)
            delivered_slowly = len(crawling.received)
            crawling.hold.set()

    assert delivered_slowly == 0


async def test_authorities_that_cannot_be_read_keep_the_sender_from_starting(tmp_path: Path) -> None:
    settings = {"gateway.tls CaFile": str(tmp_path / "authorities.pem")}
    (tmp_path / "authorities.pem").write_text("nothing of the kind")
    async with a_gateway(tmp_path, settings=settings) as gateway:
        with pytest.raises(ConfigError, match="authorities"):
            await run(gateway)


async def test_what_destinations_publish_is_asked_for_where_that_is_wanted(tmp_path: Path) -> None:
    # That nobody knows the certificate keeps the mail from going out to that address.
    zone = {
        "b.example MX": ["10 mx.b.example"],
        "b.example SECURE": [],
        "mx.b.example A": ["192.0.2.1"],
        "mx.b.example SECURE": [],
        "_25._tcp.mx.b.example FAIL": [],
    }
    async with dns_server(zone) as dns:
        settings = {
            "gateway.tls MtaSts": "yes",
            "gateway.tls Dane": "yes",
            "gateway.dns Server": dns.address,
            "smtpgw.forward ForwardRoute": "",
        }
        async with a_sender(tmp_path, 1, settings) as gateway:
            mail = await hand_over(gateway, "bob@b.example")
            async with asyncio.timeout(30):
                while (record := await gateway.records.mail(mail.id)) is None or record.attempts == 0:
                    await asyncio.sleep(0.01)

    assert "nobody knows now which certificate mx.b.example has" in record.reason
    assert dns.asked["_mta-sts.b.example TXT"] == 1
