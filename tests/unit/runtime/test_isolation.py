"""The pool with real processes that crash, hang, and take all they can get."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.domain.errors import TemporaryFailure
from gateway.runtime.confinement import Bounds, read_plain
from gateway.runtime.isolation import Cause, CouldNotCheck, IsolationPool
from gateway.runtime.sheets import Sheet
from tests.support import hostile


@asynccontextmanager
async def a_pool(processes: int = 1, waiting: int = 8) -> AsyncIterator[IsolationPool]:
    pool = IsolationPool(
        processes=processes,
        waiting=waiting,
        bounds=Bounds(memory=512 << 20, open_files=32, file_size=1 << 20),
        preload=("tests.support.hostile",),
    )
    try:
        yield pool
    finally:
        await pool.close()


async def test_a_function_gives_its_result() -> None:
    async with a_pool() as pool:
        assert await pool.run(hostile.lengths, b"abc", b"x" * 5_000_000, timeout=20) == (3, 5_000_000)


async def test_a_sheet_is_the_same_bytes_on_both_sides() -> None:
    async with a_pool() as pool:
        with Sheet.of(b"a" + b"-" * 5_000_000 + b"z") as sheet:
            assert await pool.run(hostile.first_and_last, sheet, 5_000_002, timeout=20) == b"az"


async def test_nobody_can_change_a_sheet() -> None:
    async with a_pool() as pool:
        with Sheet.of(b"as it is") as sheet:
            answer = await pool.run(hostile.scribble, sheet, timeout=20)

            assert isinstance(answer, CouldNotCheck)
            assert sheet.read(0, 8) == b"as it is"


async def test_a_sheet_is_open_inside_only_during_its_call() -> None:
    async with a_pool() as pool:
        with Sheet.of(b"secret") as sheet:
            await pool.run(hostile.first_and_last, sheet, 6, timeout=20)
        opened = await pool.run(hostile.descriptors, timeout=20)

        assert isinstance(opened, tuple)
        assert not [name for name in opened if "memfd" in name]


@pytest.mark.parametrize(
    ("misbehave", "cause"),
    [
        (hostile.abort, Cause.CRASHED),
        (hostile.eat_memory, Cause.OUT_OF_MEMORY),
        (hostile.eat_descriptors, Cause.RAISED),
        (hostile.give_up, Cause.RAISED),
        (hostile.give_a_function, Cause.CRASHED),
        (hostile.give_a_bomb, Cause.CRASHED),
    ],
)
async def test_misbehaviour_is_a_result_and_the_pool_goes_on(
    misbehave: Callable[[], object], cause: Cause
) -> None:
    async with a_pool() as pool:
        answer = await pool.run(misbehave, timeout=20)

        assert isinstance(answer, CouldNotCheck)
        assert answer.cause is cause
        assert await pool.run(hostile.lengths, b"abc", timeout=20) == (3,)


@pytest.mark.parametrize("hang", [hostile.sleep_on, hostile.spin])
async def test_a_function_that_does_not_end_is_ended(hang: Callable[[], None]) -> None:
    async with a_pool() as pool:
        answer = await pool.run(hang, timeout=0.2)

        assert isinstance(answer, CouldNotCheck)
        assert answer.cause is Cause.TIMED_OUT
        assert await pool.run(hostile.lengths, b"abc", timeout=20) == (3,)


async def test_a_process_that_ends_itself_is_a_crash() -> None:
    async with a_pool() as pool:
        answer = await pool.run(hostile.leave, 3, timeout=20)

        assert answer == CouldNotCheck(Cause.CRASHED, "exit code 3")


async def test_a_file_cannot_grow_beyond_its_bound(tmp_path: Path) -> None:
    async with a_pool() as pool:
        answer = await pool.run(hostile.fill_disk, str(tmp_path / "large"), timeout=20)

        assert isinstance(answer, CouldNotCheck)
        assert (tmp_path / "large").stat().st_size <= 1 << 20


async def test_a_crash_leaves_the_calls_beside_it_alone() -> None:
    async with a_pool(processes=2) as pool:
        calls: list[Coroutine[object, object, object]] = [
            *(pool.run(hostile.abort, timeout=20) for _ in range(3)),
            *(pool.run(hostile.lengths, b"x" * size, timeout=20) for size in range(6)),
        ]

        answers: list[object] = await asyncio.gather(*calls)

        assert answers[:3] == [CouldNotCheck(Cause.CRASHED, "SIGABRT")] * 3
        assert answers[3:] == [(size,) for size in range(6)]


async def test_a_process_that_somebody_kills_is_replaced() -> None:
    async with a_pool() as pool:
        process = await pool.run(hostile.process_id, timeout=20)
        assert isinstance(process, int)

        os.kill(process, signal.SIGKILL)
        meeting_it = await pool.run(hostile.lengths, b"abc", timeout=20)

        assert meeting_it in ((3,), CouldNotCheck(Cause.CRASHED, "SIGKILL"))
        assert await pool.run(hostile.lengths, b"abc", timeout=20) == (3,)


async def test_secrets_of_the_environment_stay_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTPGW_GATEWAY_BUS_URL", "amqp://user:secret@mq.example")
    async with a_pool() as pool:
        known = await pool.run(hostile.environment, timeout=20)

        assert isinstance(known, tuple)
        assert set(known) <= {"LANG", "LC_ALL", "LC_CTYPE", "PATH", "PYTHONPATH", "TMPDIR", "TZ"}


async def test_no_connection_and_no_file_of_the_service_is_open_inside(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)), (tmp_path / "secret").open("w"):
        async with a_pool() as pool:
            opened = await pool.run(hostile.descriptors, timeout=20)

            assert isinstance(opened, tuple)
            # Two ways lead to the service: one for calls and one for answers.
            assert len([name for name in opened if name.startswith(("pipe:", "socket:"))]) == 2
            assert not [
                name for name in opened if not name.startswith(("pipe:", "socket:", "/dev/null", "/proc/"))
            ]


async def test_the_network_is_out_of_reach_where_the_kernel_allows_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        async with a_pool() as pool:
            reached = await pool.run(hostile.knock, server.getsockname()[1], timeout=20)
            allowed = await pool.run(hostile.may_leave_network, timeout=20)

            assert reached is not allowed


async def test_a_cancelled_call_frees_its_process() -> None:
    async with a_pool() as pool:
        await pool.run(hostile.process_id, timeout=20)
        hanging = asyncio.create_task(pool.run(hostile.sleep_on, timeout=600))
        waiting = asyncio.create_task(pool.run(hostile.lengths, b"abc", timeout=20))
        await asyncio.sleep(0)

        hanging.cancel()

        assert await waiting == (3,)
        with pytest.raises(asyncio.CancelledError):
            await hanging


async def test_more_calls_than_may_wait_are_a_temporary_failure() -> None:
    async with a_pool(processes=1, waiting=1) as pool:
        first = asyncio.create_task(pool.run(hostile.lengths, b"a", timeout=20))
        second = asyncio.create_task(pool.run(hostile.lengths, b"b", timeout=20))
        await asyncio.sleep(0)

        with pytest.raises(TemporaryFailure):
            await pool.run(hostile.lengths, b"c", timeout=20)

        assert [await first, await second] == [(1,), (1,)]


async def test_a_closed_pool_leaves_no_process_behind() -> None:
    async with a_pool() as pool:
        process = await pool.run(hostile.process_id, timeout=20)

    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)  # type: ignore[arg-type]


async def test_a_pool_that_was_never_used_closes() -> None:
    await IsolationPool().close()


async def test_a_process_is_replaced_after_many_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.runtime.isolation.CALLS_PER_PROCESS", 2)
    async with a_pool() as pool:
        processes = [await pool.run(hostile.process_id, timeout=20) for _ in range(4)]

        assert processes[0] == processes[1] != processes[2] == processes[3]


async def test_a_process_that_cannot_come_up_is_a_temporary_failure() -> None:
    pool = IsolationPool(preload=("no.such.module",))

    with pytest.raises(TemporaryFailure):
        await pool.run(hostile.lengths, b"abc", timeout=20)


def test_only_values_are_read_from_a_confined_process() -> None:
    value = (b"x", "y", 1, None, frozenset({2}), Cause.CRASHED.value, Bounds())

    assert read_plain(pickle.dumps(value)) == value
    for hostile_value in (hostile.Bomb(), print, TemporaryFailure("x"), Path("/")):
        with pytest.raises(pickle.UnpicklingError):
            read_plain(pickle.dumps(hostile_value))
    with pytest.raises(pickle.UnpicklingError):
        read_plain(b"no pickle")
