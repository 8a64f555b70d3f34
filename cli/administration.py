"""What the tools of administrators have in common: who may use them, how they begin, and how they end."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from gateway.config.findings import InvalidConfig
from gateway.config.load import load_settings
from gateway.config.settings import Settings
from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.runtime import owner
from gateway.runtime.exitcodes import StartFailure
from gateway.runtime.process import DEFAULT_CONFIG
from gateway.version import VERSION

T = TypeVar("T")


class Code(IntEnum):
    """The return codes (manual, appendix A.17)."""

    DONE = 0
    BAD_OPTIONS = 1
    UNREADABLE = 2  # a directory or a file
    SYSTEM_ERROR = 3
    NOT_DONE = 4  # what was asked for was not performed


class Refused(Exception):
    """The tool ends here. The text is the line for the administrator; `code` is what to exit with."""

    def __init__(self, code: Code, line: str) -> None:
        super().__init__(line)
        self.code = code


config_option = click.option(
    "-c",
    "--config-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    metavar="PATH",
    help="Configuration file.",
)


def version_option(title: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """`-v`: what the banner says."""
    return click.version_option(VERSION, "-v", "--version", message=banner(title))


def banner(title: str) -> str:
    """The line that a tool begins with."""
    return f"Mailwarden {title}, version {VERSION}"


def settings_of_the_gateway(config: Path) -> Settings:
    """The settings, read as whoever started the tool; from here on it is the account of the gateway.

    So what it writes is the gateway's, and it can do no more harm than that. Raises `Refused`.
    """
    try:
        settings = load_settings(config, os.environ)
    except InvalidConfig as invalid:
        raise Refused(Code.SYSTEM_ERROR, str(invalid)) from invalid
    if settings.options.user:
        try:
            owner.become(owner.account(settings.options.user, settings.options.group))
        except StartFailure as failure:
            raise Refused(Code.SYSTEM_ERROR, f"this tool is for root alone: {failure}") from failure
    return settings


def finish(work: Awaitable[Code]) -> Code:
    """Do `work` in an event loop. Raises `Refused` when something outside cannot be used."""

    async def done() -> Code:
        return await work

    try:
        return asyncio.run(done())
    except (ConfigError, TemporaryFailure) as trouble:
        raise Refused(Code.SYSTEM_ERROR, str(trouble)) from trouble


def run(command: click.Command, name: str, title: str) -> NoReturn:
    """Run a tool and exit: the banner comes first, failures go to standard error and into the code."""
    wants_version = {"-v", "--version"} & set(sys.argv[1:])
    if not wants_version:
        print(banner(title), flush=True)
    try:
        code = command.main(prog_name=name, standalone_mode=False) or Code.DONE
    except click.UsageError as error:
        error.show()
        code = Code.BAD_OPTIONS
    except click.Abort:
        code = Code.SYSTEM_ERROR
    except BrokenPipeError:  # who reads has seen enough
        code = Code.DONE
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Refused as refused:
        for line in str(refused).splitlines():
            print(f"{name}: {line}", file=sys.stderr)
        code = refused.code
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.exit(int(code))
