"""A process of the gateway: its start, its end, and the exit code that says why."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import uvloop

from gateway.bases.library import NoBases
from gateway.config.findings import InvalidConfig
from gateway.config.load import examine, load_settings
from gateway.config.settings import Settings
from gateway.domain.errors import ConfigError
from gateway.runtime.control import follow_control_files
from gateway.runtime.exitcodes import ExitCode
from gateway.runtime.gauging import tell_regularly
from gateway.runtime.heartbeat import Heartbeat
from gateway.runtime.ids import new_id
from gateway.runtime.launch import Launch
from gateway.runtime.licensing import NoLicence
from gateway.runtime.lifecycle import Lifecycle
from gateway.runtime.logs import start_logging_by
from gateway.runtime.monitoring import monitored
from gateway.runtime.wiring import Gateway, follow_commands, open_gateway

log = logging.getLogger(__name__)

Run = Callable[[Gateway], Awaitable[None]]
"""A service: it works until `gateway.lifecycle.stopping` is set."""

DEFAULT_CONFIG = Path("/etc/mailwarden/smtpgw.conf")


def run_service(name: str, run: Run) -> int:
    """Run one service as a process of its own; the exit code. `-c` names the configuration."""
    parser = argparse.ArgumentParser(prog=f"services.{name}", description=f"Run the {name} of the gateway.")
    parser.add_argument("-c", "--config-file", type=Path, default=DEFAULT_CONFIG, metavar="PATH")
    return run_services({name: run}, parser.parse_args().config_file)


def run_services(services: Mapping[str, Run], config: Path) -> int:
    """Run services in one event loop until the process is told to stop; the exit code."""
    heartbeat, launch = Heartbeat.inherited(), Launch.inherited()
    while True:
        lifecycle = Lifecycle(heartbeat)
        code = _run_until_told(services, config, lifecycle, launch)
        if code is not ExitCode.STARTED or not lifecycle.begins_anew:
            return code


def _run_until_told(
    services: Mapping[str, Run], config: Path, lifecycle: Lifecycle, launch: Launch | None
) -> ExitCode:
    try:
        settings = load_settings(config, os.environ)
        start_logging_by(settings)
        _collect_garbage_seldom()
        uvloop.run(_run(services, settings, config, lifecycle, launch))
    except InvalidConfig as invalid:
        print(invalid, file=sys.stderr)
        return ExitCode.BAD_CONFIG
    except NoLicence as error:
        print(error, file=sys.stderr)
        return ExitCode.NO_LICENCE
    except ConfigError as error:
        print(error, file=sys.stderr)
        return ExitCode.NO_BASES if isinstance(error, NoBases) else ExitCode.SYSTEM_ERROR
    return ExitCode.STARTED


def _is_usable(config: Path) -> bool:
    """Whether the process could start with the configuration as it is now; the log says why not."""
    errors = examine(config, os.environ).findings.errors
    for error in errors:
        log.error("the new configuration is not used: %s", error)
    if not errors:
        log.info("the configuration is read again: the process begins anew")
    return not errors


def _collect_garbage_seldom() -> None:
    """Spare the collector what stays for ever, and let it look for cycles less often.

    Mail makes many values and hardly any cycles: by default one part in twenty goes into the search.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _run(
    services: Mapping[str, Run],
    settings: Settings,
    config: Path,
    lifecycle: Lifecycle,
    launch: Launch | None,
) -> None:
    lifecycle.live(lambda: _is_usable(config))
    lifecycle.expect(services)
    async with (
        open_gateway(settings, lifecycle, config, launch) as gateway,
        monitored(gateway, services),
    ):
        source = f"{launch.name if launch else ''}/{new_id()}"
        try:
            async with asyncio.TaskGroup() as group:
                following = (
                    group.create_task(follow_commands(gateway)),
                    group.create_task(gateway.licensing.follow()),
                    group.create_task(follow_control_files(gateway, launch)),
                    group.create_task(tell_regularly(gateway.gauges, gateway.records.gauges, source)),
                )
                await _run_all(services, gateway)
                for task in following:
                    task.cancel()
        except* ConfigError as errors:
            raise _first(errors) from None


async def _run_all(services: Mapping[str, Run], gateway: Gateway) -> None:
    async with asyncio.TaskGroup() as group:
        for name, run in services.items():
            group.create_task(_end_with(run(gateway), gateway.lifecycle), name=name)


async def _end_with(work: Awaitable[None], lifecycle: Lifecycle) -> None:
    """When one service ends, whatever the cause, the process ends: the watchdog starts it anew."""
    try:
        await work
    finally:
        lifecycle.stop()


def _first(errors: BaseExceptionGroup[ConfigError]) -> ConfigError:
    first = errors.exceptions[0]
    return first if isinstance(first, ConfigError) else _first(first)
