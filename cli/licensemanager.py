"""`licensemanager`: the licence keys in the hands of an operator (manual, chapter 5.6 and appendix A.9)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from pathlib import Path

import click

from cli import operators
from cli.operators import Trouble, act_for_owner_of, banner, run, settings_of
from gateway.config.settings import Settings
from gateway.domain.licence import Licence, Place, Unit
from gateway.licences.keyfile import MOST_BYTES, read_key
from gateway.licences.keyring import KeyRefused, Keyring
from gateway.licences.signed import BadKey
from gateway.licences.signers import shipped_signers
from gateway.operations.licences import (
    KeyShown,
    Used,
    install_licence,
    remove_licences,
    show_licences,
    usage_of_licence,
)
from gateway.records.licences import LicenceRecords
from gateway.records.sql import SqlRecords
from gateway.runtime.clock import utc_now
from gateway.runtime.process import DEFAULT_CONFIG
from gateway.runtime.wiring import open_records
from gateway.version import VERSION

TITLE = "License Manager"

_FILE = click.Path(dir_okay=False, path_type=Path)


class Code(IntEnum):
    """The return codes of the command (reference, section 17)."""

    DONE = 0
    BAD_OPTIONS = 1
    SYSTEM_ERROR = 30
    BAD_KEY = 60  # missing or invalid
    NOT_CHANGED = 64  # a key cannot be installed or removed
    BAD_CONFIG = 75


_SHARED: Mapping[int, int] = {
    operators.Code.UNREADABLE: Code.SYSTEM_ERROR,
    operators.Code.SYSTEM_ERROR: Code.SYSTEM_ERROR,
    operators.Code.NOT_PERFORMED: Code.NOT_CHANGED,
}
"""What the codes of all commands are here."""

REMOVALS: Mapping[str, tuple[Place, ...]] = {"a": (Place.ACTIVE, Place.BACKUP), "r": (Place.BACKUP,)}
"""What `-d` removes."""

_HOW = "licensemanager -a FILE"

_REMOVED = {
    Place.ACTIVE: "Active key was successfully removed",
    Place.BACKUP: "Additional key was successfully removed",
}


@dataclass(frozen=True, slots=True)
class Reach:
    """What an order works with."""

    settings: Settings
    records: SqlRecords

    @property
    def keyring(self) -> Keyring:
        """The keys of the site."""
        return Keyring(LicenceRecords(self.records.database), shipped_signers(), lambda: utc_now().date())


Order = Callable[[Reach], Awaitable[None]]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "-v", "--version", prog_name="licensemanager", message="%(prog)s %(version)s")
@click.option("-s", "show_all", is_flag=True, help="Show the installed keys.")
@click.option("-k", "key_file", type=_FILE, metavar="FILE", help="Show the key in a file.")
@click.option("-a", "new_file", type=_FILE, metavar="FILE", help="Install the key in a file.")
@click.option(
    "-d",
    "removal",
    type=click.Choice([*REMOVALS]),
    help="Remove keys: -da the active one and the backup, -dr the backup.",
)
@click.option("-i", "show_usage", is_flag=True, help="Show how much of the licence is used.")
@click.option(
    "-c", "config_file", type=_FILE, default=DEFAULT_CONFIG, show_default=True, help="Configuration file."
)
def licensemanager(
    *,
    show_all: bool,
    key_file: Path | None,
    new_file: Path | None,
    removal: str | None,
    show_usage: bool,
    config_file: Path,
) -> None:
    """Manage the licence keys: show, install and remove them."""
    given = [value for value in (show_all, key_file, new_file, removal, show_usage) if value]
    if len(given) != 1:
        raise click.UsageError("give one of -s, -k, -a, -d, -i" + ", not several" * (len(given) > 1))

    print(banner(TITLE))
    if key_file:
        show_file(key_file)
        return
    try:
        settings = settings_of(config_file, {})
    except Trouble as trouble:
        raise Trouble(Code.BAD_CONFIG, str(trouble)) from trouble
    act_for_owner_of(settings.smtpgw_path.queue_path)
    asyncio.run(_carry_out(_order(new_file, removal, show_usage=show_usage), settings))


def _order(new_file: Path | None, removal: str | None, *, show_usage: bool) -> Order:
    if new_file:
        return install(new_file.name, _content(new_file))
    if removal:
        return remove(*REMOVALS[removal])
    return usage if show_usage else show


async def _carry_out(order: Order, settings: Settings) -> None:
    records = await open_records(settings)
    try:
        await order(Reach(settings, records))
    finally:
        await records.close()


async def show(reach: Reach) -> None:
    """The installed keys."""
    keys = await show_licences(reach.keyring)
    if keys.active is None:
        raise Trouble(Code.BAD_KEY, _no_key(keys.revoked))
    print("License info:")
    print(f"Product name: {keys.active.product}")
    print(f"Expiration date: {_day(keys.active.last_day)}, {_remaining(keys.active)}")
    for title, key in (("Active key info:", keys.active), ("Additional key info:", keys.backup)):
        if key:
            print(f"\n{title}")
            print(f"Product name: {key.product}")
            print(f"Key file {key.file}")
            print(f"Type: {key.type.capitalize()}")
            print(f"Expiration date: {_day(key.last_day)}")
            print(f"Serial: {key.serial}")
            _print_terms(key)


def show_file(file: Path) -> None:
    """The key in a file, installed or not."""
    try:
        licence = read_key(_content(file), shipped_signers())
    except BadKey as error:
        raise Trouble(Code.BAD_KEY, f"{file}: {error}") from error
    print(f"Product name: {licence.product}")
    print(f"Creation date: {_day(licence.created)}")
    print(f"Expiration date: {_day(licence.use_by)}")
    print(f"Serial {licence.serial}")
    print(f"Type: {licence.type.capitalize()}")
    print(f"Lifespan: {licence.lifespan}")
    _print_terms(licence)


def install(name: str, content: bytes) -> Order:
    """Install a key."""

    async def order(reach: Reach) -> None:
        try:
            licence = reach.keyring.read(content)
        except KeyRefused as error:
            raise Trouble(Code.BAD_KEY, f"{name}: {error}") from error
        try:
            key = await install_licence(reach.keyring, content, name)
        except KeyRefused as error:
            raise Trouble(Code.NOT_CHANGED, f"{name}: {error}") from error
        print(f"Key file {name} is successfully registered")
        if key.place is Place.BACKUP:
            print(f"It takes over when the active key ends; its {licence.lifespan} days begin then.")

    return order


def remove(*places: Place) -> Order:
    """Remove the keys in these places."""

    async def order(reach: Reach) -> None:
        gone = await remove_licences(reach.keyring, *places)
        if not gone:
            raise Trouble(Code.NOT_CHANGED, f"there is no {' and no '.join(places)} key")
        for place in gone:
            print(_REMOVED[place])

    return order


async def usage(reach: Reach) -> None:
    """How much of the licence is used."""
    now = await reach.keyring.standing()
    if now.active is None:
        raise Trouble(Code.BAD_KEY, _no_key((await show_licences(reach.keyring)).revoked))
    domains = reach.settings.network.protected_domains
    used = await usage_of_licence(now, reach.records.usage, domains, datetime.now().astimezone())
    if used is None:
        print("The license has no limit.")
        return
    for line in usage_lines(used):
        print(line)


def usage_lines(used: Used) -> list[str]:
    """What `-i` prints."""
    limit, was, left = used.usage.limit.most, used.usage.used, used.usage.left
    match used.usage.limit.unit:
        case Unit.USERS:
            return [
                f"License users units: {limit}",
                f"Users units used: {was}",
                f"Users units left: {left}",
            ]
        case Unit.MEGABYTES:
            return [
                "Daily traffic statistic(Bytes):",
                ",".join(map(str, used.hours)),
                f"License traffic units: {limit} (MB)",
                f"Traffic units used: {was} (MB)",
                f"Traffic units left: {left} (MB)",
            ]


def _print_terms(key: Licence | KeyShown) -> None:
    """What the manual's listings could not know."""
    print(f"Scope: {key.scope}")
    print(f"Limit: {key.limit or 'none'}")
    print(f"Holder: {key.holder}")


def _remaining(key: KeyShown) -> str:
    return f"expires in {key.days_left} days" if key.days_left else "expired"


def _no_key(revoked: KeyShown | None) -> str:
    if revoked:
        return f"the licence key {revoked.serial} was revoked by its maker: install another one with " + _HOW
    return f"no licence key is installed: install one with {_HOW}"


def _day(day: date) -> str:
    return f"{day:%d-%m-%Y}"


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except OSError as problem:
        raise Trouble(Code.BAD_KEY, f"{file}: {problem.strerror}") from problem


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    code = run(licensemanager, "licensemanager", arguments)
    return _SHARED.get(code, code)


if __name__ == "__main__":
    sys.exit(main())
