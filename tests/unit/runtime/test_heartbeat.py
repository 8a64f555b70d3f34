from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest
import uvloop

from gateway.runtime.heartbeat import FD_VARIABLE, FILE_VARIABLE, LONGEST_LINE, Beat, Heartbeat, Reader


def test_each_line_is_a_beat() -> None:
    assert Reader().feed(b"receiver\nscanner ready\n") == [Beat("receiver"), Beat("scanner", ready=True)]


def test_a_line_that_comes_in_pieces_is_one_beat() -> None:
    reader = Reader()
    first = reader.feed(b"rece")

    second = reader.feed(b"iver\n")

    assert (first, second) == ([], [Beat("receiver")])


@pytest.mark.parametrize("line", [b"\n", b"receiver dead\n", b"a b c\n", b" \n"])
def test_what_is_no_beat_is_passed_over(line: bytes) -> None:
    assert Reader().feed(line + b"sender\n") == [Beat("sender")]


def test_a_line_without_an_end_does_not_pile_up() -> None:
    reader = Reader()
    reader.feed(b"x" * (LONGEST_LINE + 1))

    assert reader.feed(b"\nsender\n") == [Beat("sender")]


def test_without_a_supervisor_a_beat_is_harmless() -> None:
    heartbeat = Heartbeat.inherited({})

    heartbeat.ready("sender")
    heartbeat.beat("sender")
    heartbeat.close()


def test_the_inherited_end_is_taken_out_of_the_environment() -> None:
    ours, theirs = socket.socketpair()
    environment = {FD_VARIABLE: str(theirs.detach())}

    heartbeat = Heartbeat.inherited(environment)

    with ours:
        heartbeat.ready("sender")
        assert FD_VARIABLE not in environment
        assert ours.recv(100) == b"sender ready\n"
        heartbeat.close()


def test_a_supervisor_that_does_not_read_never_blocks_the_beating_module() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        heartbeat = Heartbeat.inherited({FD_VARIABLE: str(os.dup(theirs.fileno()))})
        theirs.close()

        for _ in range(100_000):
            heartbeat.beat("sender")

        heartbeat.close()


def test_a_beat_touches_the_file_of_a_health_check_once_the_module_is_ready(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    heartbeat = Heartbeat.inherited({FILE_VARIABLE: str(file)})
    heartbeat.beat("sender")
    before = file.exists()

    heartbeat.ready("sender")

    assert (before, file.exists()) == (False, True)


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_end_of_the_supervisor_is_told(new_loop: type[asyncio.AbstractEventLoop]) -> None:
    async def until_orphaned() -> None:
        ours, theirs = socket.socketpair()
        heartbeat = Heartbeat.inherited({FD_VARIABLE: str(theirs.detach())})
        told = asyncio.Event()
        heartbeat.when_orphaned(told.set)

        ours.close()

        await asyncio.wait_for(told.wait(), 10)
        heartbeat.beat("sender")
        heartbeat.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(until_orphaned())
