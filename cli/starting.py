"""Starting the gateway and holding it: its account, its PID file, its processes and its signals."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.config.findings import Finding, printable
from gateway.config.load import examine
from gateway.config.settings import Settings
from gateway.domain.errors import ConfigError
from gateway.runtime import daemon, owner
from gateway.runtime.clock import utc_now
from gateway.runtime.exitcodes import ExitCode, StartFailure
from gateway.runtime.launch import Launch
from gateway.runtime.logs import start_logging_by
from gateway.runtime.pidfile import PidFile
from gateway.runtime.shapes import children
from gateway.runtime.supervision import Limits, Supervisor
from gateway.runtime.systemd import Systemd
from gateway.runtime.temporary import check_temporary_directory

_log = logging.getLogger("cli.smtpgw")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says of the start."""

    config: Path
    pid_file: Path | None  # None: the one of the configuration
    with_pid_file: bool
    user: str  # "": the one of the configuration
    change_owner: bool
    background: bool
    watched: bool
    limits: Limits


def check(config: Path) -> int:
    """Print whether the configuration is valid, and else all that is wrong with it."""
    findings = examine(config, os.environ).findings
    for line in printable(findings):
        print(line)
    if findings.errors:
        print("Config is invalid see log for detail.")
        return ExitCode.BAD_CONFIG
    print("Config OK !")
    return ExitCode.STARTED


def start(options: Options) -> int:
    """Start the gateway and hold it until it is stopped; the exit code.

    Raises `StartFailure` while the operator's own process is the one that fails.
    """
    settings, warnings = read_settings(options.config)
    pid_file = PidFile.claim(options.pid_file or settings.options.pid_file) if options.with_pid_file else None
    launcher = daemon.detach() if options.background else None
    code: int = ExitCode.SYSTEM_ERROR
    try:
        if pid_file:
            pid_file.write()
        _change_owner(options, settings, pid_file)
        check_temporary_directory(os.environ)
        _start_logging(settings, warnings)
        if os.geteuid() == 0:
            _log.warning("the gateway runs as root: name an account of its own with User and Group")
        code = _run(options, settings, launcher)
    except StartFailure as failure:
        say(failure)
        code = failure.code
    finally:
        if pid_file:
            pid_file.remove()
        if launcher:
            launcher.tell(code)
    return code


def read_settings(config: Path) -> tuple[Settings, tuple[Finding, ...]]:
    """The settings, and what the operator should know of them. Raises `StartFailure`."""
    examined = examine(config, os.environ)
    if examined.settings is None:
        raise StartFailure(ExitCode.BAD_CONFIG, "\n".join(map(str, examined.findings.errors)))
    return examined.settings, examined.findings.warnings


def _change_owner(options: Options, settings: Settings, pid_file: PidFile | None) -> None:
    if not options.change_owner:
        return
    # The configured group belongs to the configured account: -u brings its own.
    group = "" if options.user else settings.options.group
    account = owner.account(options.user or settings.options.user, group)
    if pid_file:
        pid_file.give_to(account.uid, account.gid)
    owner.become(account)


def _start_logging(settings: Settings, warnings: tuple[Finding, ...]) -> None:
    try:
        start_logging_by(settings)
    except ConfigError as error:
        raise StartFailure(ExitCode.SYSTEM_ERROR, str(error)) from error
    for finding in warnings:
        _log.warning("%s", finding)


def _run(options: Options, settings: Settings, launcher: daemon.Launcher | None) -> int:
    if options.watched:
        return asyncio.run(_supervise(options, settings, launcher))

    from cli.everything import run_everything

    if launcher:
        daemon.leave_streams()
        launcher.tell(ExitCode.STARTED)
    os.environ.update(Launch(utc_now()).told_to({}))
    return run_everything(options.config)


async def _supervise(options: Options, settings: Settings, launcher: daemon.Launcher | None) -> int:
    systemd = Systemd.told_by(os.environ)
    environment = Launch(utc_now()).told_to(os.environ)
    in_background = started = False
    told: set[str] = set()

    def ready() -> None:
        nonlocal in_background, started
        started = True
        _log.info("the gateway has started")
        systemd.tell("READY=1")
        if not launcher:
            return
        try:
            daemon.leave_streams()
        except StartFailure as failure:
            say(failure)
            launcher.tell(failure.code)
            supervisor.stop()
        else:
            in_background = True
            launcher.tell(ExitCode.STARTED)

    def output(child: str, line: str) -> None:
        """Speak for the children. Why none of them can start, all would say: it is told once."""
        if in_background:
            _log.warning("%s: %s", child, line)
        elif started:
            print(line, file=sys.stderr)
        elif line not in told:
            told.add(line)
            print(line, file=sys.stderr)

    supervisor = Supervisor(
        children(settings, options.config, environment),
        options.limits,
        ready=ready,
        output=output,
    )

    def stop() -> None:
        systemd.tell("STOPPING=1")
        supervisor.stop()

    _handle_signals(stop, reread=lambda: _reread(options.config, supervisor, environment))
    staying_in_touch = asyncio.create_task(systemd.stay_in_touch())
    try:
        return await supervisor.run()
    finally:
        staying_in_touch.cancel()
        _log.info("the gateway has stopped")


def _handle_signals(stop: Callable[[], None], reread: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    handlers = {
        signal.SIGTERM: stop,
        signal.SIGQUIT: stop,
        signal.SIGINT: stop,
        signal.SIGHUP: reread,
    }
    try:
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
    except (OSError, RuntimeError, ValueError) as problem:
        raise StartFailure(
            ExitCode.NO_SIGNAL_HANDLER,
            f"the signal {signal.Signals(number).name} cannot be handled ({problem}): start smtpgw directly,"
            " not from within another program",
        ) from problem


def _reread(config: Path, supervisor: Supervisor, environment: Mapping[str, str]) -> None:
    """Go on with the configuration as it is now; with the former one when it is invalid."""
    try:
        settings, warnings = read_settings(config)
        _start_logging(settings, warnings)
    except StartFailure as problem:
        for line in str(problem).splitlines():
            _log.error("the new configuration is not used: %s", line)
        return
    _log.info("the configuration was read again: all processes start anew")
    supervisor.replace(children(settings, config, environment))


def say(failure: Exception) -> None:
    """Tell the operator why the gateway does not start."""
    for line in str(failure).splitlines():
        print(f"smtpgw: {line}", file=sys.stderr)
