"""`keepup2date`: keeps the databases up to date (manual, chapter 5.1 and appendices A.11 and A.12)."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import click

from cli import operators
from cli.operators import Trouble, act_for_owner_of, banner, run, settings_of
from cli.progress import ProgressBar
from gateway.bases.updating import Outcome, Result, UpdateFailed
from gateway.bases.usage import status_of_bases
from gateway.config.settings import Settings
from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.domain.licence import Standing
from gateway.operations import bases as operations
from gateway.operations.bases import NotCarriedOut, NotLicensed, Wish
from gateway.runtime.exitcodes import StartFailure
from gateway.runtime.licensing import NoLicence
from gateway.runtime.logs import LEVELS, Lines
from gateway.runtime.pidfile import PidFile
from gateway.runtime.process import DEFAULT_CONFIG
from gateway.runtime.wiring import open_licensing, open_records
from gateway.version import VERSION

TITLE = "Updater"

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)

log = logging.getLogger(__name__)


class Code(IntEnum):
    """The return codes of the command (reference, section 18). Note which of them is the success."""

    NOTHING_NEW = 0
    UPDATED = 1
    FAILED = 10
    NOT_CARRIED_OUT = 30  # updated, but `PostUpdateCmd` could not be run
    NO_LICENCE = 60
    BAD_CONFIG = 75


_SHARED: Mapping[int, int] = {
    operators.Code.UNREADABLE: Code.FAILED,
    operators.Code.SYSTEM_ERROR: Code.FAILED,
    operators.Code.NOT_PERFORMED: Code.FAILED,
}
"""What the codes of all commands are here."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done."""

    wish: Wish
    mirror: Path | None = None
    go_back: bool = False
    dry_run: bool = False


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "-v", "--version", prog_name="keepup2date", message="%(prog)s %(version)s")
@click.option("-l", "report", type=_FILE, metavar="FILE", help="Report file, instead of ReportFileName.")
@click.option("-u", "mirror", type=_FOLDER, metavar="DIR", help="Make DIR an update server for others.")
@click.option("-b", "backup", type=_FOLDER, metavar="DIR", help="Keep the databases of before there.")
@click.option("-t", "parts", type=_FOLDER, metavar="DIR", help="Directory for files while they come.")
@click.option("-r", "go_back", is_flag=True, help="Go back to the databases of before.")
@click.option("-s", "show", is_flag=True, help="Show the settings of the updater and what is in use.")
@click.option("-q", "quiet", is_flag=True, help="Write nothing to the console.")
@click.option("-d", "pid_file", type=_FILE, metavar="FILE", help="PID file.")
@click.option("-p", "_application", metavar="NAME", help="Application to update: there is only this one.")
@click.option("-k", "_unknown", is_flag=True, help="Of no meaning; scripts have it.")
@click.option("--again", is_flag=True, help="Take versions, too, that were refused or gone back from.")
@click.option("--dry-run", is_flag=True, help="Tell what would be updated, and change nothing.")
@click.option(
    "-c", "config_file", type=_FILE, default=DEFAULT_CONFIG, show_default=True, help="Configuration file."
)
def keepup2date(
    *,
    report: Path | None,
    mirror: Path | None,
    backup: Path | None,
    parts: Path | None,
    go_back: bool,
    show: bool,
    quiet: bool,
    pid_file: Path | None,
    _application: str | None,
    _unknown: bool,
    again: bool,
    dry_run: bool,
    config_file: Path,
) -> int:
    """Update the anti-virus and content filtering databases."""
    if sum((bool(mirror), go_back, show)) > 1:
        raise click.UsageError("give one of -u, -r, -s, not several")
    try:
        settings = settings_of(config_file, {})
    except Trouble as trouble:
        raise Trouble(Code.BAD_CONFIG, str(trouble)) from trouble
    quiet = quiet or settings.updater_options.keep_silent
    if show:
        print(banner(TITLE))
        _show(settings)
        return Code.NOTHING_NEW

    if os.geteuid() == 0:  # whoever else may write there need not own it, as in a container
        act_for_owner_of(settings.smtpgw_path.queue_path)
    bar = ProgressBar(sys.stdout if not quiet and sys.stdout.isatty() else None)
    absolute = config_file.absolute()
    wish = Wish(config=absolute, backup=backup, parts=parts, again=again, told=bar.told)
    with _reporting(settings, report, bar, quiet=quiet), _only_here(pid_file):
        log.info("%s", banner(TITLE))
        code = asyncio.run(_carry_out(settings, Order(wish, mirror, go_back, dry_run)))
        log.info("%s", _SAID[code])
    return code


_SAID = {
    Code.NOTHING_NEW: "Nothing to update",
    Code.UPDATED: "Update completed successfully",
    Code.FAILED: "Update failed",
    Code.NOT_CARRIED_OUT: "Update completed, but PostUpdateCmd could not be run",
    Code.NO_LICENCE: "No update without a licence",
}


async def _carry_out(settings: Settings, order: Order) -> Code:
    """Do it; what became of it is told in the report."""
    try:
        if order.go_back:
            return _code(await operations.roll_back(settings, order.wish, dry_run=order.dry_run))
        licence = await _licence_of(settings)
        if order.mirror:
            copied = await operations.mirror(settings, licence, order.wish, order.mirror.absolute())
            return Code.UPDATED if copied else Code.NOTHING_NEW
        return _code(await operations.update(settings, licence, order.wish, dry_run=order.dry_run))
    except NotLicensed as problem:
        log.critical("%s", problem)
        return Code.NO_LICENCE
    except NotCarriedOut as problem:
        log.error("%s", problem)
        return Code.FAILED if _code(problem.result) is Code.FAILED else Code.NOT_CARRIED_OUT
    except (UpdateFailed, TemporaryFailure, ConfigError, OSError) as problem:
        log.critical("%s", problem)
        return Code.FAILED


def _code(result: Result) -> Code:
    if result.has(Outcome.FAILED) or result.has(Outcome.REFUSED):
        return Code.FAILED
    if result.has(Outcome.NOT_LICENSED):
        return Code.NO_LICENCE
    changed = result.has(Outcome.UPDATED) or result.has(Outcome.ROLLED_BACK)
    return Code.UPDATED if changed else Code.NOTHING_NEW


async def _licence_of(settings: Settings) -> Standing:
    records = await open_records(settings)
    try:
        licensing = open_licensing(settings, records)
        with suppress(NoLicence):  # to start is more than to update
            await licensing.open()
        return licensing.standing
    finally:
        await records.close()


def _show(settings: Settings) -> None:
    options = settings.updater_options
    print(f"Databases: {settings.path.bases_path}")
    print(f"Backup: {settings.bases_backup}")
    print(f"Updated: {options.update_bases}")
    sources = operations.sources_of(settings)
    print(f"Sources: {', '.join(map(_without_password, sources)) or 'none'}")
    print(f"Proxy: {_without_password(options.proxy_address) if options.use_proxy else 'none'}")
    print(f"Report: {settings.updater_report.report_file_name or 'none'}")
    for status in status_of_bases(settings.path.bases_path):
        made = f"{status.made_at:%d-%m-%Y %H:%M}" if status.made_at else "unreadable"
        print(f"In use: {status.family} {status.version}, of {made}, {status.records} records")


def _without_password(address: str) -> str:
    head, at, place = address.rpartition("@")
    return f"{head.partition('://')[0]}://{place}" if at and "://" in head else place


@contextmanager
def _only_here(pid_file: Path | None) -> Iterator[None]:
    """Keep a PID file, if one is named."""
    if pid_file is None:
        yield
        return
    try:
        claimed = PidFile.claim(pid_file)
        claimed.write()
    except StartFailure as failure:
        raise Trouble(Code.FAILED, f"{pid_file}: {failure}") from failure
    try:
        yield
    finally:
        claimed.remove()


@contextmanager
def _reporting(settings: Settings, report: Path | None, bar: ProgressBar, *, quiet: bool) -> Iterator[None]:
    """Have what happens on the console and in the report, from the level of the report on."""
    section, locale = settings.updater_report, settings.locale
    level = LEVELS[section.report_level]
    places: list[logging.Handler] = []
    if not quiet:
        console = bar.handler()
        console.setFormatter(logging.Formatter("%(message)s"))
        places.append(console)
    if path := report or section.report_file_name:
        try:
            file = logging.FileHandler(
                path, "a" if section.append else "w", "utf-8", errors="backslashreplace"
            )
        except OSError as problem:
            if report:
                raise Trouble(Code.FAILED, f"{path}: {problem.strerror}") from problem
            # Protection is worth more than the report that the configuration asks for.
            print(f"keepup2date: no report: {path}: {problem.strerror}", file=sys.stderr)
        else:
            file.setFormatter(Lines(f"{locale.date_format} {locale.time_format} "))
            places.append(file)
    loggers = [logging.getLogger(name) for name in ("gateway", "cli", "__main__")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
        for place in places:
            logger.addHandler(place)
    try:
        yield
    finally:
        for logger, former in zip(loggers, before, strict=True):
            logger.setLevel(former)
        for place in places:
            for logger in loggers:
                logger.removeHandler(place)
            place.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    code = run(keepup2date, "keepup2date", arguments, bad_options=Code.FAILED)
    return _SHARED.get(code, code)


if __name__ == "__main__":
    sys.exit(main())
