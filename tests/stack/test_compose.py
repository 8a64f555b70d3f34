"""The pipeline as docker-compose.yml states it, over a real RabbitMQ and a real PostgreSQL."""

from __future__ import annotations

import smtplib
import socket
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from tests.support import compose
from tests.support.gateway import EVALUATION_KEY, SHIPPED_CONFIG
from tests.support.ports import free_ports
from tests.support.postgres import postgres_database
from tests.support.rabbitmq import broker, forget
from tests.support.waiting import until

CONTENT = (
    b"From: Me <me@home.example>\r\nTo: you@office.example\r\nSubject: through the pipeline\r\n"
    b"Message-ID: <1@home.example>\r\n\r\nHello.\r\n"
)


async def test_mail_goes_through_the_services_as_compose_starts_them(tmp_path: Path) -> None:
    smtp, api, mailbox = free_ports(3)
    namespace = f"compose-{uuid4().hex}"
    entries = compose.entries({"NAMESPACE": namespace})
    output = tmp_path / "output.txt"
    kept = tmp_path / "state" / "mailbox"
    with broker() as bus_url, postgres_database() as records_url:
        here = places(tmp_path) | {
            "/run/secrets": str(EVALUATION_KEY.parent),
            "amqp://mailwarden:mailwarden@rabbitmq:5672/": bus_url,
            "postgresql://mailwarden:mailwarden@postgres:5432/mailwarden": records_url,
            "0.0.0.0:2525": f"127.0.0.1:{smtp}",
            "0.0.0.0:8025": f"127.0.0.1:{api}",
            "0.0.0.0:2526": f"127.0.0.1:{mailbox}",
            "mailbox:2526": f"127.0.0.1:{mailbox}",
        }
        try:
            with compose.running_all(entries, here, output):
                await until(lambda: greets(smtp))

                send(smtp)

                await until(lambda: any(kept.glob("*.eml")))
        except TimeoutError:
            raise AssertionError(output.read_text()[-8000:]) from None
        finally:
            await forget(bus_url, namespace)

    [file] = kept.glob("*.eml")
    content = file.read_bytes()
    assert {entry.name for entry in entries} == {
        "receiver",
        "antispam",
        "scanner",
        "sender",
        "api",
        "mailbox",
    }
    assert content.endswith(CONTENT)
    assert b"X-SpamTest-Status: Not detected\r\n" in content


def places(folder: Path) -> dict[str, str]:
    """Volumes as folders, and the configuration with them in it."""
    volumes = {"/var/spool/mailwarden": f"{folder}/spool", "/var/lib/mailwarden": f"{folder}/state"}
    for place in volumes.values():
        Path(place).mkdir()
    config = folder / "smtpgw.conf"
    config.write_text(compose.translated(SHIPPED_CONFIG.read_text(), volumes))
    return {**volumes, "/etc/mailwarden/smtpgw.conf": str(config)}


def greets(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
        peer.settimeout(5)
        return peer.recv(64).startswith(b"220")
    return False


def send(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.sendmail("me@home.example", ["you@office.example"], CONTENT)
