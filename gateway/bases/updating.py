"""An update as a whole: ask, fetch, try out, back up, switch; and the way back.

Killed at any moment it leaves the databases in use whole, the old or the new ones: what is being made has a
name that nobody looks at, and the link to a set changes by one rename. One updater works at a time, also in a
cluster whose machines share `BasesPath`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path

from gateway.bases import shelf
from gateway.bases.backup import back_up, put_copy, restore
from gateway.bases.catalogue import BaseSet, Family, Manifest, UnusableSet, open_set
from gateway.bases.collecting import BEGUN, NoRoom, Offer, Told, collect, offered
from gateway.bases.fetching import NotThere, Source, SourceFailed
from gateway.bases.mirroring import mirror_to
from gateway.bases.refusals import Refusals
from gateway.bases.trust import Repository, Untrusted

log = logging.getLogger(__name__)

STATE = ".updater"
"""The folder below `BasesPath` with what an updater remembers."""


class UpdateFailed(Exception):
    """Nothing could be updated; says why. The databases are what they were."""


class AlreadyRunning(UpdateFailed):
    """Another updater works here."""


class Unfit(Exception):
    """New databases that must not be used; says what they did."""


class Outcome(StrEnum):
    """What became of the databases of a family."""

    UPDATED = "updated"
    CURRENT = "nothing new"
    PASSED_OVER = "refused before"  # or gone back from
    NOT_LICENSED = "newer than the licence allows"
    REFUSED = "refused"  # they did not stand their test
    FAILED = "failed"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one family, or would become of it."""

    family: Family
    outcome: Outcome
    before: str  # version in use until then; "" is that of the gateway itself
    version: str  # version that it is about; "" is none
    records: int = 0
    detail: str = ""  # why it is so, where that needs words


@dataclass(frozen=True, slots=True)
class Result:
    """What became of all families, and which sources did not do."""

    source: str
    changes: tuple[Change, ...]
    troubles: tuple[str, ...] = ()

    def has(self, outcome: Outcome) -> bool:
        """Whether that became of any family."""
        return any(change.outcome is outcome for change in self.changes)


def _silent(*_: object) -> None:
    """Tell nobody of progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Whatever an update needs to know."""

    bases: Path
    backup: Path
    families: Sequence[Family]
    addresses: Sequence[str]  # of sources, in the order in which they are tried
    open_source: Callable[[str], Source]
    root: bytes  # whom to trust
    permits: Callable[[date], bool]  # whether databases made on that day may be used
    try_out: Callable[[BaseSet], None]  # raises `Unfit`
    parts: Path | None = None  # where files lie while they come; None: below `bases`
    again: bool = False  # what was refused before is tried once more
    told: Told = field(default=_silent)

    @property
    def state(self) -> Path:
        """What is remembered."""
        return self.bases / STATE

    @property
    def refusals(self) -> Refusals:
        """The versions that are passed over."""
        return Refusals(self.state / "refused.json")


def update(plan: Plan, *, dry_run: bool = False) -> Result:
    """Bring all families up to date, or find out what that would change.

    Raises `UpdateFailed` when no source could be used. Families stand each for itself: one that cannot be
    updated keeps what it has, and does not hold up the other.
    """
    with _locked(plan):
        return _from_any(plan, lambda repository: _update_from(repository, plan, dry_run=dry_run))


def mirror(plan: Plan, folder: Path) -> int:
    """Make `folder` an update server with all that the source has; how many files are new there.

    Raises `UpdateFailed`.
    """
    copied = 0

    def copy(repository: Repository) -> tuple[Change, ...]:
        nonlocal copied
        copied = mirror_to(folder, repository, plan.told)
        return ()

    with _locked(plan):
        _from_any(plan, copy)
    return copied


def roll_back(plan: Plan, *, dry_run: bool = False) -> Result:
    """Go back to the databases of the backup, and remember what they were gone back from.

    Raises `UpdateFailed` when there is no backup to go back to.
    """
    with _locked(plan):
        backups = {family: shelf.current_version(plan.backup / family) for family in plan.families}
        if not any(backups.values()):
            raise UpdateFailed(f"{plan.backup}: there is no backup to go back to")
        changes = [
            _roll_back(plan, family, version, dry_run=dry_run)
            for family, version in backups.items()
            if version
        ]
    return Result(str(plan.backup), tuple(changes))


def _from_any(plan: Plan, work: Callable[[Repository], tuple[Change, ...]]) -> Result:
    """Work with the first source that does."""
    troubles: list[str] = []
    for address in plan.addresses:
        try:
            source = plan.open_source(address)
        except SourceFailed as problem:
            troubles.append(str(problem))
            continue
        try:
            log.info("updates are asked of %s", source.name)
            repository = Repository(source, plan.state / "trusted", plan.root)
            repository.refresh()
            return Result(source.name, work(repository), tuple(troubles))
        except (SourceFailed, NotThere, Untrusted) as problem:
            log.warning("%s", problem)
            troubles.append(str(problem))
        finally:
            source.close()
    raise UpdateFailed("; ".join(troubles) or "no update server is known")


def _update_from(repository: Repository, plan: Plan, *, dry_run: bool) -> tuple[Change, ...]:
    """What the source has for each family, collected and tried out; then all of it is switched to."""
    changes: dict[Family, Change] = {}
    fresh: dict[Family, BaseSet] = {}
    parts = plan.parts or plan.state / "parts"
    for family in plan.families:
        offer = offered(repository, family, parts)
        change = _judged(plan, family, offer)
        if offer and change.outcome is Outcome.UPDATED and not dry_run:
            change = _prepared(repository, plan, change, offer, parts, fresh)
        changes[family] = change
    for family, failed in _install(plan, fresh).items():
        changes[family] = failed
    if not dry_run and not any(change.outcome is Outcome.FAILED for change in changes.values()):
        shutil.rmtree(parts, ignore_errors=True)
    for change in changes.values():
        _tell(change, dry_run=dry_run)
    return tuple(changes.values())


def _judged(plan: Plan, family: Family, offer: Offer | None) -> Change:
    """What an offer comes to, before any of its files is fetched."""
    before = shelf.current_version(plan.bases / family) or ""
    if offer is None or offer.manifest.version <= before:
        return Change(family, Outcome.CURRENT, before, before)
    new = offer.manifest
    change = Change(family, Outcome.UPDATED, before, new.version, new.records)
    if not plan.permits(new.made_at.date()):
        return _but(change, Outcome.NOT_LICENSED)
    if (reason := plan.refusals.reason(family, new.version)) and not plan.again:
        return _but(change, Outcome.PASSED_OVER, reason)
    return change


def _prepared(
    repository: Repository,
    plan: Plan,
    change: Change,
    offer: Offer,
    parts: Path,
    fresh: dict[Family, BaseSet],
) -> Change:
    """Fetch the set and try it out; when it is good, it is in `fresh`. Source failures pass through."""
    try:
        made = collect(repository, offer, plan.bases / change.family, parts, plan.told)
        plan.try_out(made)
    except Unfit as problem:
        plan.refusals.add(change.family, change.version, str(problem))
        return _but(change, Outcome.REFUSED, str(problem))
    except (NoRoom, OSError) as problem:
        return _but(change, Outcome.FAILED, str(problem))
    fresh[change.family] = made
    return change


def _install(plan: Plan, fresh: dict[Family, BaseSet]) -> dict[Family, Change]:
    """Back up what is in use, and switch to the new sets, the one right after the other; what failed."""
    failed: dict[Family, Change] = {}
    before = {family: shelf.current_version(plan.bases / family) or "" for family in fresh}
    ready: list[Family] = []
    for family, made in fresh.items():
        try:
            back_up(plan.bases / family, plan.backup / family)
            shelf.put(plan.bases / family, made.folder)
            ready.append(family)
        except OSError as problem:
            failed[family] = _failed(family, before[family], made.manifest, problem)
    for family in ready:
        place, new = plan.bases / family, fresh[family].manifest
        try:
            shelf.switch(place, new.version)
            open_set(place / shelf.CURRENT)
        except (OSError, UnusableSet) as problem:
            restore(place, plan.backup / family, before[family])
            failed[family] = _failed(family, before[family], new, problem)
            continue
        try:
            shelf.put_away(place)
        except OSError as problem:
            log.warning("old databases are not removed: %s", problem)
    return failed


def _roll_back(plan: Plan, family: Family, version: str, *, dry_run: bool) -> Change:
    place, backup = plan.bases / family, plan.backup / family / version
    before = shelf.current_version(place) or ""
    if version == before:
        return Change(family, Outcome.CURRENT, before, version, detail="it is the one of the backup")
    try:
        saved = open_set(backup)
        if not dry_run:
            if version not in shelf.versions(place):
                put_copy(backup, place)
            if before:
                plan.refusals.add(family, before, "an operator went back from it")
            shelf.switch(place, version)
    except (OSError, UnusableSet) as problem:
        return Change(family, Outcome.FAILED, before, version, detail=str(problem))
    change = Change(family, Outcome.ROLLED_BACK, before, version, saved.manifest.records)
    _tell(change, dry_run=dry_run)
    return change


def _but(change: Change, outcome: Outcome, detail: str = "") -> Change:
    return Change(change.family, outcome, change.before, change.version, change.records, detail)


def _failed(family: Family, before: str, new: Manifest, problem: Exception) -> Change:
    return Change(family, Outcome.FAILED, before, new.version, new.records, str(problem))


_LEVELS = {Outcome.REFUSED: logging.ERROR, Outcome.FAILED: logging.ERROR, Outcome.NOT_LICENSED: logging.ERROR}


def _tell(change: Change, *, dry_run: bool) -> None:
    detail = f" ({change.detail})" if change.detail else ""
    would = "would be " if dry_run and change.outcome in (Outcome.UPDATED, Outcome.ROLLED_BACK) else ""
    log.log(
        _LEVELS.get(change.outcome, logging.INFO),
        "databases %s: %s%s, %s%s",
        change.family,
        would,
        change.outcome,
        f"{change.before or 'those of the gateway'} to {change.version}"
        if change.version != change.before
        else change.version or "none",
        detail,
    )


@contextmanager
def _locked(plan: Plan) -> Iterator[None]:
    """Be the only updater here; what a dead one left behind goes.

    Raises `AlreadyRunning`, and `UpdateFailed` when the disk does not do its part.
    """
    try:
        plan.state.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(plan.state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as problem:
        raise UpdateFailed(f"{plan.state}: {problem.strerror}") from problem
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for place in (plan.bases, plan.backup):
            for family in Family:
                _clear(place / family)
        yield
    except BlockingIOError as problem:
        raise AlreadyRunning(f"{plan.bases}: another updater is at work") from problem
    except OSError as problem:
        raise UpdateFailed(str(problem)) from problem
    finally:
        os.close(descriptor)


def _clear(place: Path) -> None:
    for pattern in (BEGUN, ".gone-*"):
        for left in place.glob(pattern):
            shutil.rmtree(left, ignore_errors=True)
    for link in place.glob(f".{shelf.CURRENT}-*"):
        link.unlink(missing_ok=True)
