from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import psutil
import pytest

from gateway.config.load import load_settings
from gateway.domain.errors import ConfigError
from gateway.records.port import Records
from gateway.runtime.heartbeat import Heartbeat
from gateway.runtime.lifecycle import Lifecycle
from gateway.runtime.wiring import Gateway
from services.receiver.__main__ import run
from services.receiver.rules import rules_of
from tests.support.gateway import SHIPPED_CONFIG, Site, make_site
from tests.support.licences import licensed
from tests.support.receiving import NotedEvents, SwitchableBlobs, SwitchableBus
from tests.support.smtp_client import greeted
from tests.support.storages import Shelf
from tests.support.waiting import until

ACCOUNT = {"smtpgw.options User": "nobody", "smtpgw.options Group": "nogroup"}


def gateway_of(site: Site) -> Gateway:
    return Gateway(
        load_settings(SHIPPED_CONFIG, site.environment),
        SwitchableBus(),
        blobs := SwitchableBlobs(),
        cast(Records, NotedEvents()),
        Shelf().storages(blobs),
        Lifecycle(Heartbeat(None)),
        licensed(),
    )


def test_limits_and_timeouts_are_those_of_the_file_in_bytes_and_seconds(tmp_path: Path) -> None:
    limits = ACCOUNT | {
        "smtpgw.limits MaximalIncomingMessageSize": "64",
        "smtpgw.limits MinimalQueueFreeSpaceSize": "3",
        "smtpgw.timeouts ReceivingCommandTimeout": "7",
    }

    rules = rules_of(gateway_of(make_site(tmp_path, next_hop_port=1, settings=limits)).settings)

    assert (rules.limits.message_size, rules.limits.free_space) == (65536, 3 << 20)
    assert (rules.timeouts.command, rules.hostname) == (7, "gateway.example")


async def test_the_service_takes_mail_until_the_process_is_told_to_stop(tmp_path: Path) -> None:
    site = make_site(tmp_path, next_hop_port=1, settings=ACCOUNT)
    gateway = gateway_of(site)
    bus = cast(SwitchableBus, gateway.bus)
    running = asyncio.create_task(run(gateway))

    await until(lambda: listens_on(site.smtp_port))
    async with greeted(site.smtp_port) as client:
        await client.send(b"MAIL FROM:<>\r\nRCPT TO:<b@own.example>\r\nDATA\r\n.\r\nQUIT\r\n")
        assert (await client.replies(5))[3] == "250 2.1.0 OK"
    gateway.lifecycle.stop()
    await running

    assert len(bus.published) == 1


def listens_on(port: int) -> bool:
    return any(
        connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
        for connection in psutil.Process().net_connections("tcp4")
    )


async def test_a_port_in_use_ends_the_service_with_a_line_for_the_operator(tmp_path: Path) -> None:
    site = make_site(tmp_path, next_hop_port=1, settings=ACCOUNT)
    async with await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", site.smtp_port):
        with pytest.raises(ConfigError, match="the port is in use"):
            await run(gateway_of(site))
