"""What an operator can do with databases: update them, go back, and serve others."""

from __future__ import annotations

import asyncio
import logging
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from gateway.bases import updating
from gateway.bases.catalogue import BaseSet, Family
from gateway.bases.collecting import Told
from gateway.bases.fetching import Patience, open_source
from gateway.bases.servers import SERVER_LIST, BadServerList, addresses, in_order, read_servers
from gateway.bases.trust import SHIPPED_ROOT
from gateway.bases.updating import Outcome, Plan, Result, Unfit, UpdateFailed
from gateway.config.sections.updater import UpdatedBases
from gateway.config.settings import Settings
from gateway.domain.licence import Standing

log = logging.getLogger(__name__)

AFTERWARDS_SECONDS = 300.0
"""For `PostUpdateCmd`."""

LONGEST_REPORT = 2000
"""Characters of what a test of databases says."""


class NotLicensed(UpdateFailed):
    """There is no key whose term goes on, so nothing is updated."""


class NotCarriedOut(Exception):
    """The databases are updated, and `PostUpdateCmd` could not be run; says why."""

    def __init__(self, result: Result, reason: str) -> None:
        super().__init__(reason)
        self.result = result


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an operator wants otherwise than the configuration has it."""

    config: Path  # the file that a test of databases reads
    backup: Path | None = None
    parts: Path | None = None  # where files lie while they come
    again: bool = False  # versions that were refused, or gone back from, count as well
    told: Told | None = None  # hears of the progress


async def update(settings: Settings, licence: Standing, wish: Wish, *, dry_run: bool = False) -> Result:
    """Bring the databases up to date, or find out what that would change.

    Raises `UpdateFailed`, also as `NotLicensed`, when nothing could be updated, and `NotCarriedOut`.
    """
    plan = _licensed(settings, licence, wish)
    result = await asyncio.to_thread(updating.update, plan, dry_run=dry_run)
    if result.has(Outcome.UPDATED) and not dry_run:
        await _carry_out_afterwards(settings.updater_options.post_update_cmd, result)
    return result


async def mirror(settings: Settings, licence: Standing, wish: Wish, folder: Path) -> int:
    """Make `folder` an update server for others; how many files are new there. Raises `UpdateFailed`."""
    return await asyncio.to_thread(updating.mirror, _licensed(settings, licence, wish), folder)


async def roll_back(settings: Settings, wish: Wish, *, dry_run: bool = False) -> Result:
    """Go back to the databases of before, with a key or without one. Raises `UpdateFailed`."""
    result = await asyncio.to_thread(updating.roll_back, _plan(settings, wish), dry_run=dry_run)
    if result.has(Outcome.ROLLED_BACK) and not dry_run:
        await _carry_out_afterwards(settings.updater_options.post_update_cmd, result)
    return result


def sources_of(settings: Settings) -> Sequence[str]:
    """The addresses of all sources, in the order in which they are asked. Raises `UpdateFailed`."""
    options = settings.updater_options
    try:
        servers = in_order(read_servers(settings.path.bases_path), options.region_settings)
    except BadServerList as problem:
        raise UpdateFailed(str(problem)) from problem
    return addresses(
        servers,
        options.update_server_url,
        own_first=options.use_update_server_url,
        own_only=options.use_update_server_url_only,
    )


def _licensed(settings: Settings, licence: Standing, wish: Wish) -> Plan:
    """What the licence allows. Raises `NotLicensed` and `UpdateFailed`."""
    if licence.active is None:
        raise NotLicensed("no licence key is installed: install one with licensemanager -a FILE")
    if not licence.in_force:
        raise NotLicensed(
            f"the licence key {licence.active.licence.serial} ended on {licence.active.last_day()}, and "
            "databases are updated no more: install another one with licensemanager -a FILE"
        )
    sources = sources_of(settings)
    if not sources:
        raise UpdateFailed(
            "no update server is known: name one with UpdateServerUrl and UseUpdateServerUrl of "
            f"[updater.options], or list them in {settings.path.bases_path / SERVER_LIST}"
        )
    return replace(_plan(settings, wish), addresses=sources, permits=licence.takes_databases_of)


def _plan(settings: Settings, wish: Wish) -> Plan:
    """A plan without any source."""
    options = settings.updater_options
    bases = settings.path.bases_path
    root = settings.updates.root_file or SHIPPED_ROOT
    patience = Patience(connect=options.connect_timeout)
    proxy = options.proxy_address if options.use_proxy else ""
    only = options.update_bases is UpdatedBases.ANTIVIRUS
    try:
        trusted = root.read_bytes()
    except OSError as problem:
        raise UpdateFailed(f"{root}: {problem.strerror}") from problem
    return Plan(
        bases=bases,
        backup=wish.backup or settings.bases_backup,
        families=(Family.ANTIVIRUS,) if only else tuple(Family),
        addresses=(),
        open_source=partial(open_source, patience=patience, proxy=proxy),
        root=trusted,
        permits=lambda _: False,
        try_out=partial(_try_out, _test_of(settings), wish.config, settings.updates.try_out_timeout),
        parts=wish.parts,
        again=wish.again,
        **({"told": wish.told} if wish.told else {}),
    )


def _test_of(settings: Settings) -> Sequence[str]:
    """The program that tries out databases, in a process of its own: they may be anything."""
    own = settings.updater_path.av_bases_test_path
    return [str(own)] if own else [sys.executable, "-m", "cli.avbasestest"]


def _try_out(program: Sequence[str], config: Path, seconds: float, made: BaseSet) -> None:
    try:
        tried = subprocess.run(  # noqa: S603 - a program that the administrator names, with our own paths
            [*program, "-c", str(config), str(made.folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as problem:
        raise Unfit(f"no end of trying them out within {seconds:g} s") from problem
    report = " / ".join(line for line in (tried.stdout + tried.stderr).splitlines() if line)[-LONGEST_REPORT:]
    log.debug("%s", report)
    if tried.returncode:
        raise Unfit(report or f"the test of databases ended with {tried.returncode}")


async def _carry_out_afterwards(command: str, result: Result) -> None:
    """Run `PostUpdateCmd`. Raises `NotCarriedOut`."""
    if not command:
        return
    try:
        process = await asyncio.create_subprocess_exec(*shlex.split(command), stdin=subprocess.DEVNULL)
        try:
            code = await asyncio.wait_for(process.wait(), AFTERWARDS_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise NotCarriedOut(
                result, f"PostUpdateCmd: no end within {AFTERWARDS_SECONDS:g} s: {command}"
            ) from None
    except (OSError, ValueError) as problem:
        raise NotCarriedOut(result, f"PostUpdateCmd cannot be run: {problem}") from problem
    if code:
        raise NotCarriedOut(result, f"PostUpdateCmd ended with {code}: {command}")
    log.info("PostUpdateCmd was run")
