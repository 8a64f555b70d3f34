"""The sender as its process runs it: mail comes from the bus, and leaves by SMTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.domain.journey import Ending, Entered
from gateway.domain.mail import Mail
from gateway.domain.pipeline import QueueState, Stage
from gateway.runtime.wiring import Gateway
from services.sender.__main__ import run
from tests.support.mails import a_mail
from tests.support.sending import MESSAGE
from tests.support.smtp_peer import smtp_peer
from tests.support.stages import a_gateway, state_becomes


@asynccontextmanager
async def a_sender(folder: Path, next_hop_port: int) -> AsyncIterator[Gateway]:
    async with a_gateway(folder, next_hop_port=next_hop_port) as gateway:
        running = asyncio.create_task(run(gateway))
        try:
            yield gateway
        finally:
            gateway.lifecycle.stop()
            await asyncio.wait_for(running, 30)


async def hand_over(gateway: Gateway, *recipients: str) -> Mail:
    """A mail that all other stages are done with."""
    writer = gateway.blobs.create("AbCdEfGh12345")
    await writer.write(MESSAGE)
    mail = a_mail("AbCdEfGh12345", *recipients, body=await writer.commit())
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
