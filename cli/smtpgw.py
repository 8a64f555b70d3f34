"""`smtpgw`: starts the gateway and holds it, and controls one that runs (manual, 6.8, A.7 and A.8)."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import click

from cli.controlling import ACTIONS, control, restart
from cli.operators import Trouble
from cli.starting import Options, check, say, start
from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.runtime.exitcodes import ExitCode, StartFailure
from gateway.runtime.process import DEFAULT_CONFIG
from gateway.runtime.supervision import Limits
from gateway.version import VERSION

_LIMITS = Limits()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "-v", "--version", prog_name="smtpgw", message="%(prog)s %(version)s")
@click.option("-k", "--check-config", is_flag=True, help="Check the configuration and exit.")
@click.option(
    "-c",
    "--config-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="Configuration file.",
)
@click.option("-p", "--pid-file", type=click.Path(dir_okay=False, path_type=Path), help="PID file.")
@click.option("-n", "--no-pid-file", is_flag=True, help="Do not use a PID file.")
@click.option("-u", "--user", default="", metavar="NAME", help="Account that owns the process.")
@click.option("-o", "--no-change-owner", is_flag=True, help="Keep the present owner.")
@click.option("-d", "--no-daemon", is_flag=True, help="Stay in the foreground.")
@click.option(
    "-w",
    "--watchdog-timeout",
    type=click.IntRange(min=10),
    default=int(_LIMITS.beat),
    show_default=True,
    metavar="SECONDS",
    help="Restart a module that gave no sign of life for so long.",
)
@click.option(
    "-t",
    "--watchdog-start-timeout",
    type=click.IntRange(min=10),
    default=int(_LIMITS.start),
    show_default=True,
    metavar="SECONDS",
    help="The same, while it starts.",
)
@click.option("-W", "--no-watchdog", is_flag=True, help="Run everything in this one process, unwatched.")
@click.argument("action", required=False, type=click.Choice(ACTIONS), metavar="[ACTION]")
def smtpgw(
    *,
    action: str | None,
    check_config: bool,
    config_file: Path,
    pid_file: Path | None,
    no_pid_file: bool,
    user: str,
    no_change_owner: bool,
    no_daemon: bool,
    watchdog_timeout: int,
    watchdog_start_timeout: int,
    no_watchdog: bool,
) -> int:
    """Run the mail gateway, or control the one that runs.

    Without an action it is started. TERM, INT and QUIT stop it, HUP makes it read its configuration again.

    \b
    start stop restart    as named
    reload                read the configuration and the databases again
    reloadbases           read the databases again
    status                tell how the gateway is
    stats                 have the statistics written to StatFilename
    recv-off recv-on      suspend and resume the Receiver
    send-off send-on      suspend and resume the Sender
    chck-off chck-on      suspend and resume the scanning
    """
    if check_config:
        return check(config_file)
    options = Options(
        config=config_file.absolute(),  # a daemon leaves the directory that it was started in
        pid_file=pid_file.absolute() if pid_file else None,
        with_pid_file=not no_pid_file,
        user=user,
        change_owner=not no_change_owner,
        background=not no_daemon,
        watched=not no_watchdog,
        limits=Limits(beat=watchdog_timeout, start=watchdog_start_timeout),
    )
    match action:
        case None | "start":
            return start(options)
        case "restart":
            return restart(options)
        case _:
            return control(action, options)


def main() -> None:
    """Run the command; every failure is told on standard error and in the exit code."""
    try:
        code = smtpgw.main(prog_name="smtpgw", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = ExitCode.BAD_OPTIONS
    except StartFailure as failure:
        say(failure)
        code = failure.code
    except Trouble as trouble:
        say(trouble)
        code = trouble.code
    except (ConfigError, TemporaryFailure, OSError) as problem:
        say(problem)
        code = ExitCode.SYSTEM_ERROR
    except click.Abort:
        code = ExitCode.SYSTEM_ERROR
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.exit(int(code or 0))


if __name__ == "__main__":
    main()
