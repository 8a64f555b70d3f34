"""The door of an embedded bus: what comes in through it, and what does not."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.bus import door
from gateway.bus.door import AT_ONCE, LARGEST_REQUEST, MOST_CALLERS, Caller, Door, door_of
from gateway.bus.embedded import EmbeddedBus
from gateway.bus.memory import MemoryBus
from gateway.domain.commands import Suspend
from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.domain.mail import BodyRef, Mail
from gateway.domain.pipeline import Stage
from tests.support.mails import a_mail

MAIL = a_mail()


@asynccontextmanager
async def called(path: Path, bus: MemoryBus | None = None) -> AsyncIterator[tuple[MemoryBus, Caller]]:
    """A bus with a door, and one who stands before it."""
    bus = bus or MemoryBus()
    opened = await Door.open(bus, path)
    caller = await Caller.at(path)
    assert caller
    try:
        yield bus, caller
    finally:
        await caller.close()
        await opened.close()


async def taken(bus: MemoryBus | EmbeddedBus, count: int) -> list[Mail]:
    mails: list[Mail] = []
    async with asyncio.timeout(10), bus.consume(Stage.SENDER, count) as deliveries:
        while len(mails) < count:
            mails.append((await anext(deliveries)).mail)
    return mails


async def test_mail_comes_in_and_urgent_mail_before_other(tmp_path: Path) -> None:
    urgent = a_mail("UrgentXX00001")
    async with called(tmp_path / "bus.sock") as (bus, caller):
        await caller.publish(Stage.SENDER, [MAIL])
        await caller.publish(Stage.SENDER, [urgent], urgent=True)

        assert await taken(bus, 2) == [urgent, MAIL]


async def test_much_mail_comes_in_over_several_requests(tmp_path: Path) -> None:
    body = BodyRef("0" * 64, 30_000, carried=b"x" * 30_000)
    mails = [a_mail(f"mail{number:09}", body=body) for number in range(3 * AT_ONCE // 30_000)]
    async with called(tmp_path / "bus.sock") as (bus, caller):
        await caller.publish(Stage.SENDER, mails)

        assert await taken(bus, len(mails)) == mails


async def test_commands_reach_those_who_listen(tmp_path: Path) -> None:
    async with called(tmp_path / "bus.sock") as (bus, caller), bus.commands() as commands:
        await caller.tell(Suspend("sender"))

        assert [await anext(commands), await anext(commands)] == [None, Suspend("sender")]


async def test_what_the_bus_cannot_take_is_told_to_the_caller(tmp_path: Path) -> None:
    class FullBus(MemoryBus):
        async def publish(self, *_: object, **__: object) -> None:
            raise TemporaryFailure("the disk is full")

    async with called(tmp_path / "bus.sock", FullBus()) as (_, caller):
        with pytest.raises(TemporaryFailure, match="the disk is full"):
            await caller.publish(Stage.SENDER, [MAIL])
        await caller.tell(Suspend("sender"))  # the door stays open


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x00\x00\x00\x03abc",
        b"\x00\x00\x00\x00",
        (LARGEST_REQUEST + 1).to_bytes(4),
        b"GET / HTTP/1.0\r\n\r\n",
    ],
)
async def test_nonsense_does_no_harm(tmp_path: Path, request_bytes: bytes) -> None:
    async with called(tmp_path / "bus.sock") as (bus, caller):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "bus.sock")
        writer.write(request_bytes)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 10)
        writer.close()

        await caller.publish(Stage.SENDER, [MAIL])
        assert await taken(bus, 1) == [MAIL]


async def test_there_are_only_so_many_callers_at_once(tmp_path: Path) -> None:
    async with called(tmp_path / "bus.sock") as (_, caller):
        await caller.tell(Suspend("sender"))
        others = [await Caller.at(tmp_path / "bus.sock") for _ in range(MOST_CALLERS)]
        *let_in, sent_away = filter(None, others)
        for one in let_in:
            await one.tell(Suspend("sender"))
        with pytest.raises(TemporaryFailure, match="does not answer"):
            await sent_away.tell(Suspend("sender"))
        for one in (*let_in, sent_away):
            await one.close()


async def test_a_door_that_stays_silent_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "ANSWER_SECONDS", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "bus.sock"))
        silent.listen()
        caller = await Caller.at(tmp_path / "bus.sock")
        assert caller
        with pytest.raises(TemporaryFailure, match="does not answer"):
            await caller.tell(Suspend("sender"))
        await caller.close()


async def test_nobody_answers_where_no_bus_is_held(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "left.sock"))

    assert await Caller.at(tmp_path / "left.sock") is None
    assert await Caller.at(tmp_path / "never.sock") is None


async def test_the_embedded_bus_has_a_door_for_its_own_account_alone(tmp_path: Path) -> None:
    folder = tmp_path / ("a folder whose name is longer than the address of a socket may be " * 3)
    folder.mkdir()
    path = folder / "bus.sqlite"
    door_of(path).touch()  # left by one who died
    bus = await EmbeddedBus.open(path)
    caller = await Caller.at(door_of(path))
    assert caller
    await caller.publish(Stage.SENDER, [MAIL])

    assert await taken(bus, 1) == [MAIL]
    assert stat.S_IMODE(door_of(path).stat().st_mode) == 0o600
    await caller.close()
    await bus.close()
    assert not door_of(path).exists()


async def test_a_door_that_cannot_be_made_is_told_with_its_place(tmp_path: Path) -> None:
    door_of(tmp_path / "bus.sqlite").mkdir()

    with pytest.raises(ConfigError, match=r"bus\.sock: cannot listen there"):
        await EmbeddedBus.open(tmp_path / "bus.sqlite")
