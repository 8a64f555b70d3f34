from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.runtime.heartbeat import Beat
from gateway.runtime.supervision import (
    Child,
    Limits,
    Pulse,
    Supervisor,
    ends_the_start,
    manner_of_end,
    next_delay,
)
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]
LIMITS = Limits()
QUICK = Limits(beat=60, start=60, drain=30, grace=30, first_delay=0.01, longest_delay=0.05)


def a_pulse(*modules: str) -> Pulse:
    return Pulse(started_at=1000.0, awaited=frozenset(modules))


def test_a_module_that_has_not_begun_has_the_time_of_the_start() -> None:
    pulse = a_pulse("receiver")

    assert pulse.overdue(1000 + LIMITS.start - 1, LIMITS) == ()
    assert pulse.overdue(1000 + LIMITS.start, LIMITS) == ("receiver",)


def test_a_module_that_has_begun_must_go_on_beating() -> None:
    pulse = a_pulse("receiver").after(Beat("receiver", ready=True), 1010.0)

    assert pulse.overdue(1010 + LIMITS.beat - 1, LIMITS) == ()
    assert pulse.overdue(1010 + LIMITS.beat, LIMITS) == ("receiver",)


def test_a_beat_puts_off_only_its_own_module() -> None:
    pulse = a_pulse("receiver", "sender")
    for module in ("receiver", "sender"):
        pulse = pulse.after(Beat(module, ready=True), 1000.0)

    pulse = pulse.after(Beat("sender"), 1050.0)

    assert pulse.overdue(1061.0, LIMITS) == ("receiver",)


def test_a_module_that_beats_without_being_ready_is_still_starting() -> None:
    pulse = a_pulse("receiver").after(Beat("receiver"), 1290.0)

    assert pulse.overdue(1301.0, LIMITS) == ("receiver",)


def test_the_beat_of_a_stranger_changes_nothing() -> None:
    pulse = a_pulse("receiver")

    assert pulse.after(Beat("nobody", ready=True), 1001.0) == pulse


@pytest.mark.parametrize(
    ("former", "lived", "expected"),
    [
        (0.0, 0.1, LIMITS.first_delay),
        (0.5, 0.1, 1.0),
        (20.0, 0.1, LIMITS.longest_delay),
        (20.0, LIMITS.settled, LIMITS.first_delay),
    ],
)
def test_the_wait_grows_only_for_a_child_that_dies_soon(former: float, lived: float, expected: float) -> None:
    assert next_delay(former, lived, LIMITS) == expected


@pytest.mark.parametrize(
    ("code", "words"),
    [(49, "ended with code 49"), (-9, "was killed by SIGKILL"), (-63, "was killed by signal 63")],
)
def test_an_end_is_told_in_words(code: int, words: str) -> None:
    assert manner_of_end(code) == words


def test_only_a_child_that_gives_up_before_it_is_ready_ends_the_start() -> None:
    starting = a_pulse("receiver")
    ready = starting.after(Beat("receiver", ready=True), 1001.0)

    assert ends_the_start(49, starting, started=False)
    assert not ends_the_start(49, starting, started=True)
    assert not ends_the_start(49, ready, started=False)
    assert not ends_the_start(-signal.SIGKILL, starting, started=False)


async def test_a_child_that_dies_is_started_again_and_the_log_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    child = a_child("ready:sender", f"once:{tmp_path / 'mark'}", "die:9")

    async with supervised([child]):
        await a_line(caplog, "sender was killed by SIGKILL: started again in 0.0 s")


async def test_a_child_that_ends_as_it_was_told_is_started_again_without_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway")
    child = a_child("ready:sender", f"once:{tmp_path / 'mark'}", "exit:0")

    async with supervised([child]):
        await a_line(caplog, "sender ended with code 0: started again in 0.0 s")

    told = {record.levelname for record in caplog.records if "ended with code 0" in record.message}
    assert told == {"INFO"}


async def test_a_module_that_hangs_has_its_process_replaced_and_the_log_names_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hanging = Child(
        "stages", argv("ready:antispam", "ready:sender"), environment(), frozenset({"antispam", "sender"})
    )
    limits = Limits(beat=0.2, grace=30, first_delay=30)

    async with supervised([hanging], limits):
        await a_line(caplog, "stages was ended, since nothing was heard from antispam")


async def test_a_module_that_never_begins_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    async with supervised([a_child("beat:sender")], Limits(start=0.5, beat=1, first_delay=30)):
        await a_line(caplog, "sender was ended, since nothing was heard from sender")


async def test_a_hanging_process_that_ignores_term_is_killed(caplog: pytest.LogCaptureFixture) -> None:
    limits = Limits(start=60, beat=0.5, grace=0.1, first_delay=30)

    async with supervised([a_child("deaf", "ready:sender")], limits):
        await a_line(caplog, "sender did not end within 0 s and is killed")


async def test_a_child_that_cannot_start_ends_all_with_its_code(tmp_path: Path) -> None:
    told = tmp_path / "told"
    other = Child("other", argv("ready:other", f"told:{told}"), environment(), frozenset({"other"}))
    failing = Child("failing", argv("exit:49"), environment(), frozenset({"failing"}))

    code = await Supervisor([other, failing], QUICK).run()

    assert code == 49


async def test_a_program_that_is_not_there_ends_the_start() -> None:
    child = Child("sender", ("/nonexistent/python",), {}, frozenset({"sender"}))

    assert await Supervisor([child], QUICK).run() == 30


async def test_stopping_lets_children_end_by_themselves(tmp_path: Path) -> None:
    told = tmp_path / "told"

    async with supervised([a_child("ready:sender", f"told:{told}")]) as supervisor:
        supervisor.stop()

    assert told.read_text() == "stopped"


async def test_a_child_that_does_not_end_in_time_is_killed(caplog: pytest.LogCaptureFixture) -> None:
    limits = Limits(drain=0.1)

    async with supervised([a_child("deaf", "ready:sender")], limits) as supervisor:
        supervisor.stop()

    assert "sender did not end within 0 s and is killed" in caplog.text


async def test_other_children_take_the_place_of_the_present_ones(tmp_path: Path) -> None:
    told, mark = tmp_path / "told", tmp_path / "mark"

    async with supervised([a_child("ready:sender", f"told:{told}")]) as supervisor:
        supervisor.replace([a_child("ready:sender", f"once:{mark}")])
        await until(mark.exists)

    assert told.read_text() == "stopped"


async def test_what_a_child_writes_is_handed_on_line_by_line() -> None:
    said: list[tuple[str, str]] = []
    child = a_child("say:the port is taken", "exit:49")

    await Supervisor([child], QUICK, output=lambda *line: said.append(line)).run()

    assert said == [("sender", "the port is taken")]


async def test_a_child_learns_that_its_supervisor_died(tmp_path: Path) -> None:
    orphaned = tmp_path / "orphaned"
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.supervising",
        *argv(f"orphaned:{orphaned}", "ready:sender"),
        cwd=ROOT,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    assert supervisor.stdout is not None
    await asyncio.wait_for(supervisor.stdout.readline(), 30)

    supervisor.kill()

    await supervisor.wait()
    await until(orphaned.exists)


def argv(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.support.beating", *words)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def a_child(*words: str) -> Child:
    return Child("sender", argv(*words), environment(), frozenset({"sender"}))


@asynccontextmanager
async def supervised(children: Iterable[Child], limits: Limits = QUICK) -> AsyncIterator[Supervisor]:
    """A supervisor whose children are ready, stopped at the end."""
    ready = asyncio.Event()
    supervisor = Supervisor([*children], limits, ready=ready.set)
    running = asyncio.create_task(supervisor.run())
    if limits.start >= 60:
        await asyncio.wait_for(ready.wait(), 30)
    try:
        yield supervisor
    finally:
        supervisor.stop()
        await asyncio.wait_for(running, 60)


async def a_line(caplog: pytest.LogCaptureFixture, text: str) -> None:
    caplog.set_level(logging.INFO)
    await until(lambda: text in caplog.text)
