"""Several receivers on one port of a machine: limits that hold in all of them; TLS, and its renewal."""

from __future__ import annotations

import signal
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from tests.support.certificates import host_certificate
from tests.support.gateway import GatewayProcess, Site, make_site, running
from tests.support.ports import free_port
from tests.support.rabbitmq import broker
from tests.support.waiting import until

RECEIVERS = 3
SERVICE = ("services.receiver",)


@contextmanager
def receivers(site: Site) -> Iterator[list[GatewayProcess]]:
    """So many receivers on the same port."""
    with ExitStack() as stack:
        started = [GatewayProcess(site, SERVICE) for _ in range(RECEIVERS)]
        for receiver in started:
            receiver.start()
            stack.callback(receiver.kill)
        yield started


def connections(receiver: GatewayProcess, status: str) -> int:
    """How many of its connections with clients have that status."""
    assert receiver.process is not None
    found = psutil.Process(receiver.process.pid).net_connections()
    return sum(each.laddr.port == receiver.site.smtp_port and each.status == status for each in found)


def greetings(site: Site, stack: ExitStack) -> list[str]:
    """The codes that twenty connections are greeted with, in order. They stay open until the end."""
    address = ("127.0.0.1", site.smtp_port)
    sockets = [stack.enter_context(socket.create_connection(address, 30)) for _ in range(20)]
    return sorted(sock.recv(1024).decode()[:3] for sock in sockets)


@pytest.mark.parametrize(
    "limit", ["MaximalIncomingSessionsPerIP", "IncomingSessions"], ids=["for each client", "in total"]
)
async def test_a_limit_of_sessions_holds_over_all_receivers_and_one_that_is_killed(
    tmp_path: Path, limit: str
) -> None:
    settings = {"gateway.processes Receiver": str(RECEIVERS), f"smtpgw.limits {limit}": "4"}
    with broker() as bus_url, ExitStack() as stack:
        site = make_site(
            tmp_path,
            next_hop_port=free_port(),
            bus_url=bus_url,
            namespace=f"sides-{uuid4().hex}",
            settings=settings,
        )
        processes = stack.enter_context(receivers(site))
        await until(lambda: all(connections(each, psutil.CONN_LISTEN) for each in processes))
        await until(lambda: not any(connections(each, psutil.CONN_ESTABLISHED) for each in processes))

        assert greetings(site, stack) == ["220"] * 4 + ["421"] * 16

        lost = connections(processes[0], psutil.CONN_ESTABLISHED)
        processes[0].kill()
        assert greetings(site, stack) == ["220"] * lost + ["421"] * (20 - lost)


def certificate_shown(site: Site) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", site.smtp_port, timeout=30) as client:
        client.starttls(context=context)
        assert isinstance(client.sock, ssl.SSLSocket)
        return client.sock.getpeercert(binary_form=True) or b""


async def test_a_renewed_certificate_is_shown_once_the_configuration_is_read_again(tmp_path: Path) -> None:
    former = host_certificate("gateway.example")
    certificate, key = former.write(tmp_path, "gateway")
    site = make_site(
        tmp_path,
        next_hop_port=free_port(),
        settings={"gateway.tls Certificate": str(certificate), "gateway.tls Key": str(key)},
    )
    with running(site) as gateway:
        assert certificate_shown(site) == former.der

        renewed = host_certificate("gateway.example", "mail.example")
        renewed.write(tmp_path, "gateway")
        assert certificate_shown(site) == former.der
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGHUP)

        def shows_the_renewed_one() -> bool:
            try:
                return certificate_shown(site) == renewed.der
            except (OSError, smtplib.SMTPException):
                return False  # it starts anew

        await until(shows_the_renewed_one)
