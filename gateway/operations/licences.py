"""What an operator can do with the licence: see the keys and how much is used, install and remove keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from gateway.domain.address import domain_of, matches_any
from gateway.domain.licence import (
    Key,
    LicenceType,
    Limit,
    Load,
    Place,
    Scope,
    Standing,
    Unit,
    Usage,
    warning_for,
)
from gateway.domain.statistics import Gauge
from gateway.licences.keyring import Keyring
from gateway.records.port import UsageRecords

USERS_SEEN_WITHIN = timedelta(days=30)
"""Whoever was sent mail within that time is a user."""

_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Used:
    """How much was used, and of traffic in which hours of today."""

    usage: Usage
    hours: Sequence[int] = ()  # bytes received in each of the 24


@dataclass(frozen=True, slots=True)
class LicenceStatus:
    """The key in use, whether another one follows, and what the administrator should know."""

    serial: str
    holder: str
    type: LicenceType
    scope: Scope
    limit: str  # "" is none
    last_day: date
    days_left: int  # today included; 0: its term is over
    backup: str  # serial of the key that takes over, "" if there is none
    used: int | None = None  # of the limit, at the last look; None: there is none, or nobody looked lately
    load: Load | None = None  # how that stands to the limit
    ends_soon: bool = False  # and no key follows: the administrator was told by mail


@dataclass(frozen=True, slots=True)
class KeyShown:
    """A key at this site, as an operator sees it."""

    place: Place
    serial: str
    file: str
    product: str
    holder: str
    type: LicenceType
    scope: Scope
    limit: str  # "" is none
    created: date
    use_by: date
    lifespan: int  # days
    activated: date | None  # None: its term has not begun
    last_day: date
    days_left: int  # today included


@dataclass(frozen=True, slots=True)
class KeysShown:
    """The keys at this site."""

    today: date  # the newest day that the site has seen
    active: KeyShown | None
    backup: KeyShown | None
    revoked: KeyShown | None  # was the active key until its maker revoked it


def status_of_licence(now: Standing, gauges: Mapping[Gauge, int]) -> LicenceStatus | None:
    """What the keys of the site come to, in a few values; None without any key in use."""
    if now.active is None:
        return None
    licence = now.active.licence
    used = gauges.get(Gauge.LICENCE_USED) if licence.limit else None
    return LicenceStatus(
        serial=licence.serial,
        holder=licence.holder,
        type=licence.type,
        scope=licence.scope,
        limit=str(licence.limit or ""),
        last_day=now.active.last_day(),
        days_left=now.active.days_left(now.today),
        backup=now.backup.licence.serial if now.backup else "",
        used=used,
        load=Usage(licence.limit, used).load if licence.limit and used is not None else None,
        ends_soon=warning_for(now) is not None,
    )


async def show_licences(keyring: Keyring) -> KeysShown:
    """All keys in use at this site."""
    now = await keyring.standing()
    return KeysShown(now.today, *(_shown(key, now.today) for key in (now.active, now.backup, now.revoked)))


async def install_licence(keyring: Keyring, content: bytes, file: str, *, dry_run: bool = False) -> KeyShown:
    """Install the key of a file that is called `file`; what it is here, or would be.

    Raises `KeyRefused`, after which nothing has changed.
    """
    key = await keyring.install(content, file, dry_run=dry_run)
    now = await keyring.standing()
    return _described(key, now.today)


async def remove_licences(keyring: Keyring, *places: Place, dry_run: bool = False) -> tuple[Place, ...]:
    """Remove the keys in these places; in which of them there was one."""
    return await keyring.remove(*places, dry_run=dry_run)


async def usage_of_licence(
    now: Standing, records: UsageRecords, protected_domains: Sequence[str], moment: datetime
) -> Used | None:
    """How much of the licence is used up to `moment`, an aware local time; None when nothing is limited."""
    if now.active is None or now.active.licence.limit is None:
        return None
    return await used_of(now.active.licence.limit, records, protected_domains, moment)


async def used_of(
    limit: Limit, records: UsageRecords, protected_domains: Sequence[str], now: datetime
) -> Used:
    """What was used of `limit` up to `now`, an aware local time: traffic counts from its midnight on."""
    match limit.unit:
        case Unit.USERS:
            addresses = await records.recipients(now - USERS_SEEN_WITHIN)
            users = sum(matches_any(protected_domains, domain_of(address)) for address in addresses)
            return Used(Usage(limit, users))
        case Unit.MEGABYTES:
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
            hours = await records.received_bytes(midnight)
            return Used(Usage(limit, -(-sum(hours) // _MEGABYTE)), hours)


def _shown(key: Key | None, today: date) -> KeyShown | None:
    return _described(key, today) if key else None


def _described(key: Key, today: date) -> KeyShown:
    licence = key.licence
    return KeyShown(
        place=key.place,
        serial=licence.serial,
        file=key.file,
        product=licence.product,
        holder=licence.holder,
        type=licence.type,
        scope=licence.scope,
        limit=str(licence.limit or ""),
        created=licence.created,
        use_by=licence.use_by,
        lifespan=licence.lifespan,
        activated=key.activated,
        last_day=key.last_day(),
        days_left=key.days_left(today),
    )
