"""What an operator can learn of the licence: the key in use, and how much of it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from gateway.domain.address import domain_of, matches_any
from gateway.domain.licence import LicenceType, Limit, Scope, Standing, Unit, Usage
from gateway.records.usage import UsageRecords

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
    """The key in use, and whether another one follows."""

    serial: str
    holder: str
    type: LicenceType
    scope: Scope
    limit: str  # "" is none
    last_day: date
    days_left: int  # today included; 0: its term is over
    backup: str  # serial of the key that takes over, "" if there is none


def status_of_licence(now: Standing) -> LicenceStatus | None:
    """What the keys of the site come to, in a few values; None without any key in use."""
    if now.active is None:
        return None
    licence = now.active.licence
    return LicenceStatus(
        serial=licence.serial,
        holder=licence.holder,
        type=licence.type,
        scope=licence.scope,
        limit=str(licence.limit or ""),
        last_day=now.active.last_day(),
        days_left=now.active.days_left(now.today),
        backup=now.backup.licence.serial if now.backup else "",
    )


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
