"""The thread of the embedded bus."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial

import pytest

from gateway.bus.thread import WorkerThread


@pytest.fixture
async def thread() -> AsyncIterator[WorkerThread]:
    thread = WorkerThread("worker")
    yield thread
    thread.close()


async def test_work_is_done_in_one_other_thread(thread: WorkerThread) -> None:
    workers = {await thread.do(threading.get_ident) for _ in range(3)}

    assert len(workers) == 1
    assert threading.get_ident() not in workers


async def test_work_is_done_in_the_order_in_which_it_was_given(thread: WorkerThread) -> None:
    done: list[int] = []

    await asyncio.gather(*(thread.do(partial(done.append, number)) for number in range(50)))

    assert done == list(range(50))


async def test_what_work_raises_is_for_who_waits_for_it_alone(thread: WorkerThread) -> None:
    failing = asyncio.create_task(thread.do(lambda: 1 / 0))
    well = await thread.do(lambda: "well")

    assert well == "well"
    with pytest.raises(ZeroDivisionError):
        await failing


async def test_work_is_done_although_nobody_waits_for_it_any_more(thread: WorkerThread) -> None:
    may_end = threading.Event()
    done: list[str] = []

    def work() -> None:
        may_end.wait(10)
        done.append("done")

    waiting = asyncio.create_task(thread.do(work))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    may_end.set()

    assert await thread.do(lambda: list(done)) == ["done"]


async def test_closing_waits_for_what_was_given() -> None:
    thread = WorkerThread("worker")
    done: list[int] = []

    waiting = [asyncio.create_task(thread.do(partial(done.append, number))) for number in range(500)]
    await asyncio.sleep(0)
    thread.close()

    assert done == list(range(500))
    await asyncio.gather(*waiting)
