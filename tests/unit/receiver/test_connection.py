"""What the receiver relies on in aiosmtpd, and how a connection behaves."""

from __future__ import annotations

import socket
from importlib.metadata import version

from aiosmtpd.smtp import SMTP

from services.receiver.connection import Connection
from tests.support.receiving import receiving
from tests.support.smtp_client import greeted


def test_the_private_members_that_are_replaced_are_those_of_this_version() -> None:
    replaced = {"_handle_client", "_timeout_cb", "eof_received", "connection_made"}

    assert version("aiosmtpd") == "1.4.6"
    assert replaced <= vars(SMTP).keys()
    assert replaced <= vars(Connection).keys()


async def test_a_connection_keeps_what_it_uses_of_aiosmtpd() -> None:
    async with receiving() as running, greeted(running.port):
        (session,) = running.receiver.sessions
        connection = session.connection

        assert connection._handler_coroutine is connection.task()
        assert connection._timeout_handle is not None
        assert connection._timeout_handle.cancelled()
        assert connection._smtp_methods == {}


async def test_replies_leave_at_once() -> None:
    async with receiving() as running, greeted(running.port):
        (session,) = running.receiver.sessions

        sock = session.connection._writer.get_extra_info("socket")

        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
