"""Licences: what a key grants, and what the keys of a site come to on a given day (manual, chapter 5.6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

PRODUCT = "Mailwarden"
"""The product that our keys are made for."""


class LicenceType(StrEnum):
    """On what terms a key was given."""

    COMMERCIAL = "commercial"
    TRIAL = "trial"
    EVALUATION = "evaluation"  # comes with the product; it is no right to use it beyond trying


class Scope(StrEnum):
    """What a key lets the gateway do."""

    ANTI_VIRUS = "anti-virus"
    ANTI_VIRUS_AND_SPAM = "anti-virus and anti-spam"


class Unit(StrEnum):
    """What a limit counts."""

    USERS = "users"  # protected addresses
    MEGABYTES = "MB a day"  # of received mail


@dataclass(frozen=True, slots=True)
class Limit:
    """How much a key is for. Beyond it the administrator is told; mail flows on."""

    most: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.most} {self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """What a key grants. Its term begins when it becomes the active key."""

    product: str
    serial: str
    type: LicenceType
    scope: Scope
    limit: Limit | None  # None: none
    created: date
    use_by: date  # its last day, however late its term began
    lifespan: int  # days
    holder: str

    def last_day(self, activated: date) -> date:
        """The last day of its term, if that began on `activated`."""
        return min(activated + timedelta(days=self.lifespan - 1), self.use_by)


class Place(StrEnum):
    """What a key is at a site."""

    ACTIVE = "active"  # in use, its term over or not
    BACKUP = "backup"  # takes over when the active key ends
    REMOVED = "removed"  # remembered, so that its term does not begin again


@dataclass(frozen=True, slots=True)
class Key:
    """A licence at a site."""

    licence: Licence
    place: Place
    activated: date | None = None  # the first day of its term; None: that has not begun
    file: str = ""  # what the file that it came in was called

    def last_day(self) -> date:
        """The last day of its term; before that has begun, the last one on which it is of use."""
        return self.licence.last_day(self.activated) if self.activated else self.licence.use_by

    def days_left(self, today: date) -> int:
        """Days of its term, today included; 0 when it is over."""
        return max((self.last_day() - today).days + 1, 0)


class Refusal(StrEnum):
    """Why a key is not taken in."""

    OTHER_PRODUCT = "it is a key for another product"
    FROM_THE_FUTURE = "it was made in the future: check the clock of this machine"
    EXPIRED = "its time is over"
    REVOKED = "it was revoked by its maker"
    DUPLICATE = "it is installed already"
    BACKUP_EXISTS = "there is a backup key already: remove that one first"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the keys of a site come to on a day."""

    today: date
    active: Key | None
    backup: Key | None
    revoked: Key | None = None  # was the active key, and counts no more

    @property
    def in_force(self) -> bool:
        """Whether there is a key whose term goes on: only then databases are updated."""
        return self.active is not None and self.active.days_left(self.today) > 0

    @property
    def may_start(self) -> bool:
        """Whether the gateway may begin its work. A commercial key that has ended still filters."""
        if self.active is None:
            return False
        return self.in_force or self.active.licence.type is LicenceType.COMMERCIAL

    @property
    def filters_spam(self) -> bool:
        """Whether the parameters about spam mean anything."""
        return self.active is not None and self.active.licence.scope is Scope.ANTI_VIRUS_AND_SPAM

    def takes_databases_of(self, made_on: date) -> bool:
        """Whether databases made on that day may be used: those made after the term are refused."""
        return self.active is not None and made_on <= self.active.last_day()


class Load(StrEnum):
    """How use stands to a limit."""

    WITHIN = "within the limit"
    NEAR = "near the limit"
    OVER = "over the limit"


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of what a key limits was used: protected users, or whole MB of today."""

    limit: Limit
    used: int

    @property
    def left(self) -> int:
        """What remains; 0 when it is used up."""
        return max(self.limit.most - self.used, 0)

    @property
    def load(self) -> Load:
        """From nine tenths on it is near; the administrator is told of all but `WITHIN`."""
        if self.used > self.limit.most:
            return Load.OVER
        return Load.NEAR if self.used * 10 >= self.limit.most * 9 else Load.WITHIN


WARNING_DAYS = (7, 3, 0)
"""Days before the end of the last key's term on which the administrator is warned."""


def warning_for(now: Standing) -> int | None:
    """Which of `WARNING_DAYS` is the last that has come, if any.

    Not only on the day itself: a gateway that was off on that day warns when it is on again.
    """
    if now.active is None or now.backup is not None:  # a backup takes over by itself
        return None
    left = (now.active.last_day() - now.today).days
    return min((days for days in WARNING_DAYS if days >= left), default=None)


def standing(keys: Iterable[Key], today: date, revoked: frozenset[str] = frozenset()) -> Standing:
    """What `keys` come to as they are: see `turn_of_day` for what a day changes."""
    usable: dict[Place, Key] = {}
    gone: dict[Place, Key] = {}
    for key in keys:
        (gone if key.licence.serial in revoked else usable)[key.place] = key
    return Standing(today, usable.get(Place.ACTIVE), usable.get(Place.BACKUP), gone.get(Place.ACTIVE))


def turn_of_day(now: Standing) -> tuple[Key, ...]:
    """The keys that change because of the day: the backup takes over from a key whose term is over."""
    if now.backup is None or now.in_force or not now.backup.days_left(now.today):
        return ()
    return _activated(now.backup, now)


def install(
    licence: Licence,
    keys: Iterable[Key],
    today: date,
    revoked: frozenset[str] = frozenset(),
    *,
    file: str = "",
) -> tuple[Key, ...] | Refusal:
    """The keys that change when `licence` is installed, or why it is not.

    It becomes the active key where none is in force, and else the backup. A key that was here before goes on
    with the term that it had.
    """
    known = {key.licence.serial: key for key in keys}
    former = known.get(licence.serial)
    key = Key(licence, Place.BACKUP, former.activated if former else None, file)
    now = standing(known.values(), today, revoked)
    if licence.product != PRODUCT:
        return Refusal.OTHER_PRODUCT
    if licence.serial in revoked:
        return Refusal.REVOKED
    if former and former.place is not Place.REMOVED:
        return Refusal.DUPLICATE
    if licence.created > today:
        return Refusal.FROM_THE_FUTURE
    if not key.days_left(today):
        return Refusal.EXPIRED
    if now.in_force:
        return Refusal.BACKUP_EXISTS if now.backup else (key,)
    return _activated(key, now)


def remove(keys: Iterable[Key], *places: Place) -> tuple[Key, ...]:
    """The keys that change when those in `places` are removed."""
    return tuple(replace(key, place=Place.REMOVED) for key in keys if key.place in places)


def _activated(key: Key, now: Standing) -> tuple[Key, ...]:
    """`key` in use from today on, and the one that was so before out of the way."""
    begun = replace(key, place=Place.ACTIVE, activated=key.activated or now.today)
    former = (replace(one, place=Place.REMOVED) for one in (now.active, now.revoked) if one)
    return (*former, begun)
