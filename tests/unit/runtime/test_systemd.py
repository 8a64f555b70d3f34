from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.runtime.systemd import Systemd


@pytest.fixture
def notify(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(10)
        yield listening


def test_systemd_hears_how_the_gateway_is(notify: socket.socket) -> None:
    Systemd.told_by({"NOTIFY_SOCKET": notify.getsockname()}).tell("READY=1")

    assert notify.recv(100) == b"READY=1"


def test_an_abstract_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")
        name = "@" + listening.getsockname()[1:].decode()

        Systemd.told_by({"NOTIFY_SOCKET": name}).tell("READY=1")

        assert listening.recv(100) == b"READY=1"


async def test_systemd_gets_its_signs_of_life(notify: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": notify.getsockname(), "WATCHDOG_USEC": "10000"}

    staying = asyncio.create_task(Systemd.told_by(environment).stay_in_touch())
    first, second = [await asyncio.to_thread(notify.recv, 100) for _ in range(2)]

    staying.cancel()
    assert first == second == b"WATCHDOG=1"


async def test_without_systemd_nothing_happens() -> None:
    systemd = Systemd.told_by({})

    systemd.tell("READY=1")
    await systemd.stay_in_touch()


def test_a_systemd_that_is_away_does_no_harm(tmp_path: Path) -> None:
    Systemd.told_by({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell("READY=1")


def test_our_children_are_not_told_of_systemd() -> None:
    environment = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "/"}

    Systemd.told_by(environment)

    assert environment == {"HOME": "/"}
