from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.domain.licence import (
    Key,
    Licence,
    LicenceType,
    Limit,
    Load,
    Place,
    Refusal,
    Scope,
    Standing,
    Unit,
    Usage,
    install,
    remove,
    standing,
    turn_of_day,
    warning_for,
)
from tests.support.licences import MADE, a_licence

FIRST, SECOND, THIRD = (a_licence(f"0001-000001-0000000{number}") for number in (1, 2, 3))
DAY = timedelta(days=1)
LAST_DAY = MADE + 364 * DAY


class Site:
    """The keys of a site, day by day."""

    def __init__(self) -> None:
        self.today = MADE
        self.keys: dict[str, Key] = {}
        self.revoked: frozenset[str] = frozenset()

    def install(self, licence: Licence) -> Refusal | None:
        taken = install(licence, self.keys.values(), self.today, self.revoked)
        if isinstance(taken, Refusal):
            return taken
        self._change(taken)
        return None

    def remove(self, *places: Place) -> None:
        self._change(remove(self.keys.values(), *places))

    def on(self, day: date) -> Standing:
        self.today = day
        self._change(turn_of_day(standing(self.keys.values(), day, self.revoked)))
        return standing(self.keys.values(), day, self.revoked)

    def _change(self, keys: Sequence[Key]) -> None:
        self.keys |= {key.licence.serial: key for key in keys}


@pytest.fixture
def site() -> Site:
    return Site()


def active(now: Standing) -> str:
    return now.active.licence.serial if now.active else ""


def test_without_a_key_the_gateway_does_not_start(site: Site) -> None:
    now = site.on(MADE)

    assert not now.may_start
    assert not now.takes_databases_of(MADE)


def test_the_term_begins_when_the_key_is_installed(site: Site) -> None:
    site.today = MADE + 10 * DAY
    site.install(FIRST)

    key = site.on(site.today).active

    assert key is not None
    assert key.days_left(site.today) == 365
    assert site.on(LAST_DAY + 10 * DAY).in_force
    assert not site.on(LAST_DAY + 11 * DAY).in_force


def test_no_term_goes_beyond_the_day_by_which_the_key_must_be_used(site: Site) -> None:
    site.install(replace(FIRST, use_by=MADE + 30 * DAY))

    assert site.on(MADE + 30 * DAY).in_force
    assert not site.on(MADE + 31 * DAY).in_force


def test_an_expired_commercial_key_still_filters_but_takes_no_newer_databases(site: Site) -> None:
    site.install(FIRST)

    now = site.on(LAST_DAY + DAY)

    assert now.may_start
    assert now.takes_databases_of(LAST_DAY)
    assert not now.takes_databases_of(LAST_DAY + DAY)


@pytest.mark.parametrize("kind", [LicenceType.TRIAL, LicenceType.EVALUATION])
def test_an_expired_key_for_trying_does_not_start_the_gateway(site: Site, kind: LicenceType) -> None:
    site.install(replace(FIRST, type=kind, lifespan=14))

    assert site.on(MADE + 13 * DAY).may_start
    assert not site.on(MADE + 14 * DAY).may_start


def test_the_backup_takes_over_by_itself_and_its_term_begins_then(site: Site) -> None:
    site.install(FIRST)
    site.install(SECOND)
    before, after = site.on(LAST_DAY), site.on(LAST_DAY + DAY)

    assert (active(before), active(after)) == (FIRST.serial, SECOND.serial)
    assert after.backup is None
    assert after.active is not None
    assert after.active.days_left(LAST_DAY + DAY) == 365


def test_a_backup_that_was_not_used_in_time_does_not_take_over(site: Site) -> None:
    site.install(FIRST)
    site.install(replace(SECOND, use_by=LAST_DAY))

    assert active(site.on(LAST_DAY + DAY)) == FIRST.serial


def test_a_key_that_is_installed_after_the_end_is_active_at_once(site: Site) -> None:
    site.install(FIRST)
    site.on(LAST_DAY + 5 * DAY)
    site.install(SECOND)

    assert active(site.on(site.today)) == SECOND.serial


def test_there_is_one_backup(site: Site) -> None:
    site.install(FIRST)
    site.install(SECOND)

    assert site.install(THIRD) is Refusal.BACKUP_EXISTS

    site.remove(Place.BACKUP)

    assert site.install(THIRD) is None


@pytest.mark.parametrize(
    ("licence", "refusal"),
    [
        (FIRST, Refusal.DUPLICATE),
        (replace(SECOND, product="Other Gateway"), Refusal.OTHER_PRODUCT),
        (replace(SECOND, created=MADE + DAY), Refusal.FROM_THE_FUTURE),
        (replace(SECOND, use_by=MADE - DAY), Refusal.EXPIRED),
        (a_licence("REVOKED"), Refusal.REVOKED),
    ],
)
def test_a_key_that_is_refused_changes_nothing(site: Site, licence: Licence, refusal: Refusal) -> None:
    site.install(FIRST)
    site.revoked = frozenset({"REVOKED"})
    before = dict(site.keys)

    assert site.install(licence) is refusal
    assert site.keys == before


def test_a_removed_key_that_comes_back_goes_on_with_the_term_that_it_had(site: Site) -> None:
    site.install(FIRST)
    site.remove(Place.ACTIVE, Place.BACKUP)
    site.today = MADE + 300 * DAY
    site.install(FIRST)

    key = site.on(site.today).active

    assert key is not None
    assert key.days_left(site.today) == 65

    site.remove(Place.ACTIVE)
    site.today = LAST_DAY + DAY

    assert site.install(FIRST) is Refusal.EXPIRED


def test_removing_the_active_key_and_the_backup_leaves_none(site: Site) -> None:
    site.install(FIRST)
    site.install(SECOND)
    site.remove(Place.ACTIVE, Place.BACKUP)

    now = site.on(MADE)

    assert (now.active, now.backup) == (None, None)


def test_a_revoked_key_is_none(site: Site) -> None:
    site.install(FIRST)
    site.install(SECOND)
    site.revoked = frozenset({FIRST.serial})

    now = site.on(MADE)
    assert active(now) == SECOND.serial
    assert now.revoked is None
    assert site.keys[FIRST.serial].place is Place.REMOVED


def test_of_a_revoked_key_without_a_backup_it_is_known_what_became_of_it(site: Site) -> None:
    site.install(FIRST)
    site.revoked = frozenset({FIRST.serial})

    now = site.on(MADE)

    assert (now.active, now.may_start, now.in_force) == (None, False, False)
    assert now.revoked is not None
    assert now.revoked.licence is FIRST


@pytest.mark.parametrize(("scope", "filters"), [(Scope.ANTI_VIRUS, False), (Scope.ANTI_VIRUS_AND_SPAM, True)])
def test_spam_is_filtered_where_the_key_says_so(site: Site, scope: Scope, filters: bool) -> None:
    site.install(replace(FIRST, scope=scope))

    assert site.on(MADE).filters_spam is filters


@pytest.mark.parametrize(
    ("used", "load", "left"),
    [(0, Load.WITHIN, 50), (44, Load.WITHIN, 6), (45, Load.NEAR, 5), (51, Load.OVER, 0)],
)
def test_use_is_near_the_limit_from_nine_tenths_on(used: int, load: Load, left: int) -> None:
    usage = Usage(Limit(50, Unit.USERS), used)

    assert (usage.load, usage.left) == (load, left)


def test_the_administrator_is_warned_seven_and_three_days_ahead_and_on_the_last_day(site: Site) -> None:
    site.install(FIRST)

    warned = [warning_for(site.on(LAST_DAY - left * DAY)) for left in (8, 7, 6, 4, 3, 2, 1, 0, -1)]

    assert warned == [None, 7, 7, 7, 3, 3, 3, 0, 0]


def test_nobody_is_warned_of_an_end_after_which_a_backup_takes_over(site: Site) -> None:
    site.install(FIRST)
    site.install(SECOND)

    assert warning_for(site.on(LAST_DAY)) is None
