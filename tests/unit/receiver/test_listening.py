"""A port takes connections, and rests when the system has no more of what they need."""

from __future__ import annotations

import asyncio
import errno
import os
import socket

import pytest

from gateway.domain.access import Address
from services.receiver.listening import Listener, open_port


class Exhausted(socket.socket):
    """A listening socket whose system has no more to give, so many times."""

    failures: list[int]

    def accept(self) -> tuple[socket.socket, object]:
        if self.failures:
            problem = self.failures.pop(0)
            raise OSError(problem, os.strerror(problem))
        return super().accept()


async def reached(failures: list[int]) -> tuple[list[int], list[Address]]:
    """Which failures are left, and who arrives at a port whose first tries fail so."""
    plain = open_port("ListenOn", "127.0.0.1", 0, shared=False)
    port = Exhausted(fileno=plain.detach())
    port.setblocking(False)
    port.failures = failures
    arrived: asyncio.Queue[Address] = asyncio.Queue()

    def take(client: socket.socket, address: Address) -> None:
        client.close()
        arrived.put_nowait(address)

    listener = Listener(port, take)
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        found = [await asyncio.wait_for(arrived.get(), 60)]
        writer.close()
        return failures, found
    finally:
        listener.close()


@pytest.mark.parametrize("problem", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_a_system_without_room_is_given_a_rest_and_the_connection_is_taken_then(
    problem: int, caplog: pytest.LogCaptureFixture
) -> None:
    left, arrived = await reached([problem])

    assert left == []
    assert [str(address) for address in arrived] == ["127.0.0.1"]
    assert "no connection can be taken for the next 1 s" in caplog.text


async def test_a_connection_that_the_network_took_back_stops_no_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    left, arrived = await reached([errno.ECONNABORTED, errno.EPERM, errno.EHOSTUNREACH])

    assert left == []
    assert len(arrived) == 1
    assert caplog.text == ""


async def test_a_port_that_is_closed_while_it_rests_stays_closed() -> None:
    port = Exhausted(fileno=open_port("ListenOn", "127.0.0.1", 0, shared=False).detach())
    port.setblocking(False)
    port.failures = [errno.EMFILE]
    listener = Listener(port, lambda client, address: client.close())
    number = listener.port
    _, writer = await asyncio.open_connection("127.0.0.1", number)
    async with asyncio.timeout(60):
        while port.failures:
            await asyncio.sleep(0)

    listener.close()

    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", number)
