"""The actions of the control script (manual, chapter 6.8), as `smtpgw ACTION`."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from cli import operators
from cli.operators import Trouble, act_for_owner_of
from cli.starting import Options, read_settings, start
from gateway.bases.usage import status_of_bases
from gateway.bus.port import Inlet
from gateway.config.settings import Settings
from gateway.domain.pipeline import Module, QueueState
from gateway.operations.licences import status_of_licence
from gateway.operations.modules import reload_bases, resume_module, suspend_module
from gateway.records.port import PARKED
from gateway.records.sql import SqlRecords
from gateway.runtime.clock import utc_now
from gateway.runtime.control import STATISTICS
from gateway.runtime.exitcodes import ExitCode
from gateway.runtime.pidfile import holder_of
from gateway.runtime.wiring import open_inlet, open_licensing, open_records

STOP_SECONDS = 75.0
"""For the gateway to end: what is in hand may take `Limits.drain`, and then it is killed."""

STATISTICS_SECONDS = 30.0
LOOK_SECONDS = 0.05


class Code(IntEnum):
    """How actions end; starting has the codes of `ExitCode`."""

    DONE = 0
    NOT_RUNNING = 3  # what `status` says of it (LSB)
    NOT_ALLOWED = 4


_SHARED: Mapping[int, int] = MappingProxyType(
    {
        operators.Code.UNREADABLE: ExitCode.SYSTEM_ERROR,
        operators.Code.SYSTEM_ERROR: ExitCode.SYSTEM_ERROR,
        operators.Code.NOT_PERFORMED: Code.NOT_ALLOWED,
    }
)
"""What the codes of all commands are here."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What an action works with."""

    options: Options
    settings: Settings

    @property
    def pid(self) -> int | None:
        """The process of the gateway, if one runs with this PID file."""
        return holder_of(self.options.pid_file or self.settings.options.pid_file)

    @property
    def running(self) -> int:
        """The process of the gateway. Raises `Trouble` when none runs."""
        pid = self.pid
        if pid is None:
            raise Trouble(Code.NOT_RUNNING, "the gateway is not running")
        return pid

    def act_for_owner(self) -> None:
        """Go on as the account of the gateway. Raises `Trouble`."""
        try:
            act_for_owner_of(self.settings.smtpgw_path.queue_path)
        except Trouble as trouble:
            raise Trouble(_SHARED.get(trouble.code, trouble.code), str(trouble)) from trouble

    @asynccontextmanager
    async def records(self) -> AsyncIterator[SqlRecords]:
        """The records, as the account that they belong to."""
        self.act_for_owner()
        records = await open_records(self.settings)
        try:
            yield records
        finally:
            await records.close()

    @asynccontextmanager
    async def inlet(self) -> AsyncIterator[Inlet]:
        """The bus."""
        self.act_for_owner()
        inlet = await open_inlet(self.settings)
        try:
            yield inlet
        finally:
            await inlet.close()


Action = Callable[[Reach], int]


def control(action: str, options: Options) -> int:
    """Do what an action is for; the exit code.

    Raises `Trouble` when it cannot be done, `StartFailure` when the configuration cannot be read.
    """
    settings, _ = read_settings(options.config)
    return _DONE_BY[action](Reach(options, settings))


def restart(options: Options) -> int:
    """Stop the gateway if it runs, and start it; the exit code."""
    settings, _ = read_settings(options.config)  # what cannot start again is not stopped
    stop(Reach(options, settings))
    return start(options)


def stop(reach: Reach) -> int:
    """Stop the gateway; it is no failure that none runs."""
    pid = reach.pid
    if pid is None:
        print("The gateway is not running.")
        return Code.DONE
    _send(pid, signal.SIGTERM)
    if not _becomes_true(lambda: reach.pid != pid, STOP_SECONDS):
        raise Trouble(ExitCode.SYSTEM_ERROR, f"process {pid} did not end within {STOP_SECONDS:.0f} s")
    print("The gateway has stopped.")
    return Code.DONE


def reload(reach: Reach) -> int:
    """Have the gateway read everything again."""
    _send(reach.running, signal.SIGHUP)
    print("The gateway reads its configuration and its databases again.")
    return Code.DONE


def reloadbases(reach: Reach) -> int:
    """Have all processes read the databases again."""

    async def tell() -> None:
        async with reach.inlet() as inlet:
            await reload_bases(inlet)

    asyncio.run(tell())
    print("The gateway reads its databases again.")
    return Code.DONE


def stats(reach: Reach) -> int:
    """Have the statistics written, and say where."""
    pid = reach.running
    reach.act_for_owner()
    order = reach.settings.smtpgw_path.control_path / STATISTICS
    with suppress(FileExistsError):  # somebody else wants the same
        os.close(os.open(order, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    if not _becomes_true(lambda: not order.exists() or reach.pid != pid, STATISTICS_SECONDS):
        order.unlink(missing_ok=True)
        raise Trouble(
            ExitCode.SYSTEM_ERROR,
            f"no statistics were written to {reach.settings.stat_file} within {STATISTICS_SECONDS:.0f} s:"
            " the log says why",
        )
    print(f"Statistics were written to {reach.settings.stat_file}")
    return Code.DONE


def switch(module: Module, *, on: bool) -> Action:
    """The action that suspends or resumes a module, also one that does not run."""

    def action(reach: Reach) -> int:
        async def tell() -> None:
            async with reach.records() as records, reach.inlet() as inlet:
                await (resume_module if on else suspend_module)(inlet, records, module)

        asyncio.run(tell())
        print(f"{_NAMES[module]} {'goes on' if on else 'is suspended'}.")
        return Code.DONE

    return action


def status(reach: Reach) -> int:
    """Tell how the gateway is."""
    pid = reach.pid
    print(f"The gateway is running as process {pid}." if pid else "The gateway is not running.")

    async def tell() -> None:
        async with reach.records() as records:
            for line in [line async for line in _lines(reach.settings, records)]:
                print(line)

    asyncio.run(tell())
    return Code.DONE if pid else Code.NOT_RUNNING


async def _lines(settings: Settings, records: SqlRecords) -> AsyncIterator[str]:
    now = utc_now()
    suspended = await records.suspended()
    for module, name in _NAMES.items():
        yield f"{name}: {'suspended' if module in suspended else 'active'}"

    counts = await records.counts()
    waiting = {state: counts[state] for state in (*QueueState, PARKED) if counts.get(state)}
    told = ", ".join(f"{state} {mails}" for state, mails in waiting.items())
    yield f"Queue: {sum(waiting.values())} messages{f' ({told})' if told else ''}"

    licence = status_of_licence(
        await open_licensing(settings, records).keyring.standing(), await records.gauges.known(now)
    )
    if licence is None:
        yield "Licence: none"
    else:
        load = f", {licence.load}" if licence.load else ""
        yield f"Licence: {licence.serial} until {licence.last_day}, {licence.days_left} days left{load}"
    for bases in status_of_bases(settings.path.bases_path):
        yield f"Databases {bases.family}: {bases.version}, {bases.records} records"
    for outage in await records.outages.known(now):
        yield f"Out of order: {outage.subject}: {outage.reason}"


_NAMES: Mapping[Module, str] = MappingProxyType(
    {Module.RECEIVER: "Receiver", Module.SCANNING: "Scanning", Module.SENDER: "Sender"}
)

_DONE_BY: Mapping[str, Action] = MappingProxyType(
    {
        "stop": stop,
        "reload": reload,
        "reloadbases": reloadbases,
        "status": status,
        "stats": stats,
        "recv-off": switch(Module.RECEIVER, on=False),
        "recv-on": switch(Module.RECEIVER, on=True),
        "send-off": switch(Module.SENDER, on=False),
        "send-on": switch(Module.SENDER, on=True),
        "chck-off": switch(Module.SCANNING, on=False),
        "chck-on": switch(Module.SCANNING, on=True),
    }
)

ACTIONS = ("start", "restart", *_DONE_BY)
"""All that `smtpgw` can be told to do."""


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it ended just now
    except PermissionError:
        raise Trouble(
            ExitCode.SYSTEM_ERROR, f"process {pid} belongs to another account: run this as root, with sudo"
        ) from None


def _becomes_true(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_SECONDS)
    return True
