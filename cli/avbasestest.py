"""`avbasestest`: tries out databases before they are used (manual, appendix A.1).

They have to be whole, to find what everybody has to find, to find nothing in what is known to be good, and
not to block suddenly what was delivered until now.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import click

from cli import operators
from cli.operators import Trouble, banner, run, settings_of
from gateway.bases.catalogue import BaseSet, Family, UnusableSet, open_set
from gateway.bases.shelf import CURRENT
from gateway.config.settings import Settings
from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.domain.storage import StoredStatus
from gateway.records.entries import EntryFilter
from gateway.runtime.process import DEFAULT_CONFIG
from gateway.runtime.wiring import open_blobs, open_records
from gateway.storages.place import MissingFile
from gateway.storages.storages import Storages
from gateway.version import VERSION
from services.antispam.database import trial as content
from services.antispam.database.database import SHIPPED as SHIPPED_CONTENT
from services.scanner.signatures import trial as signatures
from services.scanner.signatures.signatures import SHIPPED as SHIPPED_SIGNATURES

TITLE = "Database Tester"

MOST_FAULTS = 10
"""That are told; where there are so many, more of them say no more."""

ALWAYS_ALLOWED = 2
"""Messages that new databases may block: that is what they are for."""

LARGEST_MESSAGE = 4 << 20
"""Bytes; larger ones are left out, since they cost more than they tell."""


class Code(IntEnum):
    """The return codes of the command. Whatever is not 0 keeps databases from being used."""

    FIT = 0
    BAD_OPTIONS = 1
    UNFIT = 10
    SYSTEM_ERROR = 30
    BAD_CONFIG = 75


_SHARED: Mapping[int, int] = {
    operators.Code.UNREADABLE: Code.SYSTEM_ERROR,
    operators.Code.SYSTEM_ERROR: Code.SYSTEM_ERROR,
    operators.Code.NOT_PERFORMED: Code.SYSTEM_ERROR,
}
"""What the codes of all commands are here."""


class Trial(Protocol):
    """Databases of any family, and what is asked of them. Raises `UnusableSet` when they are none."""

    def faults(self) -> Iterator[str]:
        """What is wrong with them, in words for the operator."""

    def known(self) -> frozenset[str]:
        """The names of bad things in the shipped examples that they find, besides those that all have to."""

    def blocks(self, message: bytes) -> bool:
        """Whether they find in a message what mail is stopped for."""


@dataclass(frozen=True, slots=True)
class Tester:
    """How the databases of a family are tried out."""

    trial: Callable[[BaseSet], Trial]
    shipped: Path  # the set that came with the gateway


TESTERS: Mapping[Family, Tester] = MappingProxyType(
    {
        Family.ANTIVIRUS: Tester(signatures.Trial, SHIPPED_SIGNATURES),
        Family.ANTISPAM: Tester(content.Trial, SHIPPED_CONTENT),
    }
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "-v", "--version", prog_name="avbasestest", message="%(prog)s %(version)s")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "-c",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="Configuration file.",
)
def avbasestest(folder: Path | None, config_file: Path) -> None:
    """Try out the databases in FOLDER; the anti-virus ones in use if none is named."""
    print(banner(TITLE))
    try:
        settings = settings_of(config_file, {})
    except Trouble as trouble:
        raise Trouble(Code.BAD_CONFIG, str(trouble)) from trouble
    bases = settings.path.bases_path
    try:
        made = open_set(folder or bases / Family.ANTIVIRUS / CURRENT)
        print(f"databases {made.manifest.family} {made.manifest.version}: {made.manifest.records} records")
        _try_out(made, settings)
    except UnusableSet as problem:
        raise Trouble(Code.UNFIT, str(problem)) from problem
    print("The databases are fit for use")


def _try_out(made: BaseSet, settings: Settings) -> None:
    """Raises `Trouble` when the databases must not be used."""
    tester = TESTERS[made.manifest.family]
    new = tester.trial(made)
    in_use = _in_use(settings.path.bases_path / made.manifest.family, tester)
    lost = sorted(in_use.known() - new.known())
    faults = [
        *islice(new.faults(), MOST_FAULTS),
        *(f"{name} is not found any more, and the databases in use find it" for name in lost),
    ]
    if not faults:
        faults = asyncio.run(_blocked_of_late(new, in_use, settings))
    if faults:
        raise Trouble(Code.UNFIT, "\n".join(faults))


def _in_use(place: Path, tester: Tester) -> Trial:
    """What decides today, or what came with the gateway where that cannot be read."""
    try:
        return tester.trial(open_set(place / CURRENT))
    except UnusableSet:
        return tester.trial(open_set(tester.shipped))


async def _blocked_of_late(new: Trial, in_use: Trial, settings: Settings) -> list[str]:
    """A fault, if `new` would block too many of the messages that were delivered last."""
    tried, blocked = 0, 0
    try:
        async for message in last_messages(settings):
            tried += 1
            blocked += new.blocks(message) and not in_use.blocks(message)
    except (ConfigError, TemporaryFailure) as problem:
        print(f"the last messages cannot be read, so they tell nothing: {problem}")
    print(f"{tried} of the last messages were looked at; {blocked} of them would be blocked newly")
    if blocked <= max(ALWAYS_ALLOWED, tried * settings.updates.newly_blocked // 100):
        return []
    return [f"{blocked} of the last {tried} messages, which were delivered, would be blocked"]


async def last_messages(settings: Settings) -> AsyncIterator[bytes]:
    """The newest messages in the outgoing archive that were delivered, each whole."""
    archive, most = settings.outgoing_archive.path, settings.updates.tried_messages
    if not (archive and most):
        return
    async with _opened(settings) as storages:
        delivered = EntryFilter(statuses=(StoredStatus.SENT,))
        async for entry in storages.entries.walk(archive, delivered, newest_first=True):
            if entry.size <= LARGEST_MESSAGE:
                try:
                    yield b"".join([chunk async for chunk in storages.message(entry)])
                except MissingFile:
                    continue
            most -= 1
            if not most:
                return


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Storages]:
    async with AsyncExitStack() as stack:
        records = await open_records(settings)
        stack.push_async_callback(records.close)
        blobs, place = await open_blobs(settings)
        stack.push_async_callback(blobs.close)
        stack.push_async_callback(place.close)
        yield Storages(place, blobs, records)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    code = run(avbasestest, "avbasestest", arguments)
    return _SHARED.get(code, code)


if __name__ == "__main__":
    sys.exit(main())
