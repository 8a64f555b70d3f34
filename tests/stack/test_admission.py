"""Who may send, asked of a gateway of real processes with real DNS behind it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from gateway.records.sqlite import open_sqlite
from gateway.runtime.clock import utc_now
from tests.support.dns import dns_server
from tests.support.smtp_client import greeted
from tests.support.standing import Standing, standing
from tests.support.waiting import until

ZONE = {
    "2.0.0.127.good.example A": ["127.0.0.2"],
    "9.0.0.127.good.example A": ["127.0.0.4"],
    "2.0.0.127.bad.example A": ["127.0.0.2"],
    "1.0.0.127.bad.example A": ["127.0.0.2"],
    "8.0.0.127.bad.example A": ["127.0.0.2"],
    "9.0.0.127.bad.example A": ["127.0.0.2"],
}
TO_US = {"smtpgw.access RelayRule": "allow from any to *@own.example"}


async def asked(gateway: Standing, ip: str, recipient: str = "b@own.example") -> str:
    """What a client hears that asks for a recipient."""
    async with greeted(gateway.site.smtp_port, ip=ip) as client:
        await client.say("MAIL FROM:<a@client.example>")
        return await client.say(f"RCPT TO:<{recipient}>")


async def test_a_client_on_a_black_list_is_refused_and_a_list_out_of_order_is_told_of(tmp_path: Path) -> None:
    async with dns_server(ZONE) as dns:
        settings = TO_US | {
            "gateway.dns Server": dns.address,
            "smtpgw.access DNSBlackList": "bad.example\ngood.example",
            "smtpgw.access ConnectRule": "deny from in_dnsbl to *",
        }
        async with standing(tmp_path, settings=settings) as gateway:
            listed, unlisted = await asked(gateway, "127.0.0.9"), await asked(gateway, "127.0.0.8")
            await gateway.says(r"REFUSED, .*client=\[127\.0\.0\.9\].*rule=\"deny from in_dnsbl to \*\"")
            await gateway.says("block list bad.example is out of order: it lists everybody")
            outages = await known_outages(tmp_path, 1)

    assert listed == "550 5.7.1 your address is on the block list good.example"
    assert unlisted == "250 2.1.0 OK"
    assert outages == {"block list bad.example": "it lists everybody"}


async def known_outages(folder: Path, least: int) -> dict[str, str]:
    """What any other process finds in the records, once there are so many."""
    records = await open_sqlite(folder / "queue" / "records.sqlite")
    try:
        async with asyncio.timeout(60):
            while len(found := await records.outages.known(utc_now())) < least:
                await asyncio.sleep(0.05)
    finally:
        await records.close()
    return {outage.subject: outage.reason for outage in found}


async def test_what_the_greylist_met_is_known_after_a_restart(tmp_path: Path) -> None:
    settings = TO_US | {"smtpgw.policy Greylist": "yes", "gateway.greylist Delay": "1"}
    async with standing(tmp_path, settings=settings) as gateway:
        first = await asked(gateway, "127.0.0.9")
        met_at = time.monotonic()
        await asyncio.to_thread(gateway.command.stop)
        await asyncio.to_thread(gateway.command.start)
        await until(lambda: time.monotonic() > met_at + 1.5)
        again = await asked(gateway, "127.0.0.9")

    assert first.startswith("451 4.7.1")
    assert again == "250 2.1.0 OK"
