"""What the commands of an operator share: who may run them, and how they end (manual, appendix A.17)."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping, Sequence
from enum import IntEnum
from pathlib import Path

import click

from gateway.config.load import examine
from gateway.config.settings import Settings
from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.runtime import owner
from gateway.runtime.exitcodes import StartFailure
from gateway.version import VERSION


class Code(IntEnum):
    """The return codes of the queue and storage tools."""

    FINISHED = 0
    BAD_OPTIONS = 1
    UNREADABLE = 2  # a directory
    SYSTEM_ERROR = 3
    NOT_PERFORMED = 4


class Trouble(Exception):
    """The command ends here. The text is for the operator; `code` is what to exit with."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def banner(title: str) -> str:
    """The first line that a command prints."""
    return f"Mailwarden {title} for Linux version {VERSION}"


def settings_of(config: Path, overrides: Mapping[str, str]) -> Settings:
    """The configuration of the gateway; `overrides` are variables like those of the environment.

    Raises `Trouble`.
    """
    examined = examine(config, {**os.environ, **overrides})
    if examined.settings is None:
        raise Trouble(Code.SYSTEM_ERROR, "\n".join(map(str, examined.findings.errors)))
    return examined.settings


def act_for_owner_of(folder: Path) -> None:
    """Go on as the account that `folder` belongs to, which only root and that account itself may.

    So whatever a command makes there can be used by the gateway. Raises `Trouble`.
    """
    me = os.geteuid()
    try:
        seen = folder.stat()
    except PermissionError:
        raise _for_root(folder, me) from None
    except OSError as problem:
        raise Trouble(Code.UNREADABLE, f"{folder}: {problem.strerror}") from problem
    if me not in (0, seen.st_uid):
        raise _for_root(folder, me)
    if me != seen.st_uid:
        try:
            owner.become(owner.account(str(seen.st_uid), str(seen.st_gid)))
        except StartFailure as failure:
            raise Trouble(Code.SYSTEM_ERROR, f"{folder}: {failure}") from failure
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise Trouble(Code.UNREADABLE, f"{folder}: this is no directory that can be read and written")


def run(
    tool: click.Command,
    name: str,
    arguments: Sequence[str] | None = None,
    *,
    bad_options: int = Code.BAD_OPTIONS,
) -> int:
    """Run a command, with the arguments of the process or others; its exit code.

    Every failure is told on standard error.
    """
    code: int = Code.FINISHED
    try:
        code = tool.main(arguments, prog_name=name, standalone_mode=False) or Code.FINISHED
        sys.stdout.flush()
    except click.UsageError as error:
        error.show()
        code = bad_options
    except Trouble as trouble:
        code = _say(name, trouble, trouble.code)
    except BrokenPipeError:
        # Who reads has seen enough. What is left in the buffer must not fail once more at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ConfigError, TemporaryFailure, OSError) as error:
        code = _say(name, error, Code.SYSTEM_ERROR)
    except click.Abort:
        code = Code.NOT_PERFORMED
    return int(code)


def _say(name: str, error: Exception, code: int) -> int:
    sys.stdout.flush()  # what was said before comes before, also where both go to the same file
    for line in str(error).splitlines():
        print(f"{name}: {line}", file=sys.stderr)
    return code


def _for_root(folder: Path, me: int) -> Trouble:
    return Trouble(
        Code.NOT_PERFORMED,
        f"{folder} belongs to the gateway, and you are {_name_of(me)}: run this command as root, with sudo",
    )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"account number {uid}"
