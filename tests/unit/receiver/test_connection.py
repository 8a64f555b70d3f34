"""What the receiver relies on in aiosmtpd, and how a connection behaves."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import replace
from importlib.metadata import version

import pytest
import uvloop
from aiosmtpd.smtp import SMTP

from gateway.config.sections.transport import TlsVersion
from gateway.domain.statistics import Counter
from services.receiver import connection
from services.receiver.connection import Connection
from tests.support.receiving import RULES, receiving, server_tls
from tests.support.smtp_client import connected, greeted

WITH_TLS = replace(RULES, starttls=True)
BEGINNING = b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@own.example>\r\nDATA\r\n"


def test_the_private_members_that_are_replaced_are_those_of_this_version() -> None:
    replaced = {"_handle_client", "_timeout_cb", "eof_received", "connection_made"}

    assert version("aiosmtpd") == "1.4.6"
    assert replaced <= vars(SMTP).keys()
    assert replaced <= vars(Connection).keys()


async def test_a_connection_keeps_what_it_uses_of_aiosmtpd() -> None:
    async with receiving() as running, greeted(running.port):
        (session,) = running.receiver.sessions
        kept = session.connection

        assert kept._handler_coroutine is kept.task()
        assert kept._timeout_handle is not None
        assert kept._timeout_handle.cancelled()
        assert kept._smtp_methods == {}


async def test_replies_leave_at_once() -> None:
    async with receiving() as running, greeted(running.port):
        (session,) = running.receiver.sessions

        sock = session.connection._writer.get_extra_info("socket")

        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


async def test_what_comes_in_the_clear_after_starttls_is_no_command() -> None:
    async with receiving(WITH_TLS, tls=server_tls()) as running, greeted(running.port) as client:
        await client.say("STARTTLS")

        await client.send(b"MAIL FROM:<evil@client.example>\r\nRCPT TO:<b@own.example>\r\nDATA\r\n")

        assert await client.is_closed()
        assert running.records.counted[Counter.INCOMING_CONNECTION_ERRORS] == 1


async def test_a_client_that_does_not_agree_on_tls_in_time_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "HANDSHAKE", 0.05)
    async with receiving(WITH_TLS, tls=server_tls()) as running, greeted(running.port) as client:
        await client.say("STARTTLS")

        assert await client.is_closed()


async def test_a_client_with_a_tls_that_is_too_old_is_cut_off() -> None:
    async with (
        receiving(WITH_TLS, tls=server_tls(TlsVersion.V1_3)) as running,
        greeted(running.port) as client,
    ):
        await client.say("STARTTLS")

        with pytest.raises(OSError, match=r"closed in the handshake|ALERT_PROTOCOL_VERSION"):
            await client.encrypt(newest=ssl.TLSVersion.TLSv1_2)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_the_trace_names_the_version_and_the_cipher_of_tls(version: ssl.TLSVersion) -> None:
    async with receiving(WITH_TLS, tls=server_tls()) as running, greeted(running.port) as client:
        await client.say("STARTTLS")
        agreed = await client.encrypt(newest=version)
        await client.say("EHLO client.example")

        await client.send(BEGINNING + b"Subject: x\r\n\r\n.\r\n")
        await client.replies(4)

        (mail,) = running.mails
        assert mail.envelope.protocol == "ESMTPS"
        assert mail.envelope.tls.startswith(f"{agreed} ")
        assert f"with ESMTPS ({mail.envelope.tls}) id ".encode() in mail.top


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("first", [True, False], ids=["first", "starttls"])
def test_a_big_message_comes_whole_through_tls_on_both_loops(
    run: Callable[[Coroutine[None, None, None]], None], first: bool
) -> None:
    run(send_a_big_message(tls_first=first))


async def send_a_big_message(*, tls_first: bool) -> None:
    body = b"\r\n" + (b"0123456789" * 7 + b"\r\n") * 30_000
    async with (
        receiving(WITH_TLS, tls=server_tls()) as running,
        connected(running.encrypted_port if tls_first else running.port) as client,
    ):
        if not tls_first:
            await client.send(b"EHLO client.example\r\n")
            await client.replies(2)
            await client.say("STARTTLS")
        await client.encrypt()
        await client.send(b"EHLO client.example\r\n" + BEGINNING)
        await client.replies(4 + tls_first)

        sending = asyncio.create_task(client.send(body + b".\r\nQUIT\r\n"))

        assert await client.reply() == "250 2.1.0 OK"
        assert (await client.reply()).startswith("221")
        assert await client.is_closed()
        await sending
        assert running.blobs.bodies == [body]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_nothing_that_came_in_the_clear_lives_on_on_either_loop(
    run: Callable[[Coroutine[None, None, None]], None],
) -> None:
    run(send_commands_ahead())


async def send_commands_ahead() -> None:
    async with receiving(WITH_TLS, tls=server_tls()) as running:
        for together in (True, False):
            async with greeted(running.port) as client:
                commands = BEGINNING + b"Subject: evil\r\n\r\n.\r\n"
                await client.send(b"STARTTLS\r\n" + (commands if together else b""))
                expected = "421 4.7.0 nothing may follow" if together else "220 2.0.0"
                assert (await client.reply()).startswith(expected)
                await client.send(b"" if together else commands)
                assert await client.is_closed()
        assert running.mails == []
