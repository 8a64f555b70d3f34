"""What an administrator is told of the gateway itself: that its licence ends, is used up, or was revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.domain.licence import Key, LicenceType, Load, Standing, Unit, Usage, warning_for


@dataclass(frozen=True, slots=True)
class Announcement:
    """Something to be told once."""

    id: str  # the same for the same thing, whoever finds it
    subject: str
    text: str  # lines end with CRLF


def announcements(now: Standing, usage: Usage | None) -> tuple[Announcement, ...]:
    """All that is to be told now, be it told already or not. `usage`: of what the key limits, if known."""
    due = (_of_revocation(now), _of_end(now), _of_usage(now, usage))
    return tuple(announcement for announcement in due if announcement)


def _of_end(now: Standing) -> Announcement | None:
    days = warning_for(now)
    if days is None or now.active is None:
        return None
    key, left = now.active, (now.active.last_day() - now.today).days
    when = {0: "today", 1: "tomorrow"}.get(left, f"in {left} days") if left >= 0 else "and is over"
    after = (
        "Mail is filtered beyond that with the databases at hand, but these are updated no more."
        if key.licence.type is LicenceType.COMMERCIAL
        else "A gateway that runs goes on beyond that without updates, but does not start again."
    )
    return Announcement(
        f"licence {key.licence.serial} ends {days}",
        f"The licence of the mail gateway {'has ended' if left < 0 else f'ends {when}'}",
        _lines(f"{_named(key)} ends on {key.last_day()}, {when}.", after, _REMEDY),
    )


def _of_usage(now: Standing, usage: Usage | None) -> Announcement | None:
    if now.active is None or usage is None or usage.load is Load.WITHIN:
        return None
    return Announcement(
        f"licence {now.active.licence.serial} {usage.load} {_period(now.today, usage.limit.unit)}",
        f"The use of the mail gateway is {usage.load} of its licence",
        _lines(
            f"{_named(now.active)} is for {usage.limit}; {usage.used} {_COUNTED[usage.limit.unit]}.",
            "All mail is filtered and delivered as before.",
            "Ask for a key with a higher limit if this goes on.",
        ),
    )


def _of_revocation(now: Standing) -> Announcement | None:
    if now.revoked is None:
        return None
    return Announcement(
        f"licence {now.revoked.licence.serial} revoked",
        "The licence key of the mail gateway was revoked",
        _lines(
            f"{_named(now.revoked)} was revoked by its maker.",
            "A gateway that runs goes on without updates and spam filter, and does not start again.",
            _REMEDY,
        ),
    )


def _period(today: date, unit: Unit) -> str:
    """Within what it is enough to be told once: users are those of weeks, traffic is that of a day."""
    return today.isoformat() if unit is Unit.MEGABYTES else f"{today:%Y-%m}"


def _named(key: Key) -> str:
    return f"The licence key {key.licence.serial} for {key.licence.holder}"


def _lines(*lines: str) -> str:
    return "".join(f"{line}\r\n" for line in lines)


_REMEDY = "Install another key with: licensemanager -a FILE"

_COUNTED = {Unit.USERS: "were used in the last 30 days", Unit.MEGABYTES: "MB came in today"}
