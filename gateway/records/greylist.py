"""The greylist: who was told to come again, who came, and so which clients have proved themselves.

A client is proven by messages of its own that came again, so that there is nothing to be counted: what is
stored twice, or by two processes at once, is stored once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal,
    null,
    select,
    union_all,
    update,
)

from gateway.records.attempts import Attempts
from gateway.records.database import Database
from gateway.records.port import Acquaintance, Meeting
from gateway.records.rows import as_json
from gateway.records.schema import greylist, micros, moment

FORGOTTEN_AT_ONCE = 1000
"""Rows that are removed in one transaction: it is short, since others who write wait for it."""


class SqlGreylist:
    """The greylist in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._attempts = Attempts(database)
        dialect, known = database.dialect, greylist.c
        told = dialect.insert(greylist).from_select(list(known), dialect.rows("greylist", list(known)))
        new = told.excluded
        is_over = known.expires_at < new.first_at
        self._note = told.on_conflict_do_update(
            index_elements=["id"],
            set_={
                "first_at": case((is_over, new.first_at), else_=known.first_at),
                "passed_at": case(
                    (is_over, new.passed_at), else_=func.coalesce(known.passed_at, new.passed_at)
                ),
                "expires_at": case(
                    (is_over | new.passed_at.is_not(None), new.expires_at), else_=known.expires_at
                ),
            },
        )
        self._renew = (
            update(greylist)
            .where(known.client.in_(dialect.members("clients")), _has_passed)
            .values(expires_at=bindparam("until"))
        )
        self._forget = delete(greylist).where(known.id.in_(dialect.members("ids")))

    async def acquaintance(self, client: str, triplet: str, now: datetime, enough: int) -> Acquaintance:
        """What is known of that client and triplet; proofs are counted up to `enough`."""
        asked = {"client": client, "id": triplet, "now": micros(now), "enough": enough}
        first_at, passed, proofs = None, False, 0
        for met_at, passed_at, counted in await self._attempts.read(_ACQUAINTANCE, asked):
            if counted is not None:
                proofs = counted
            else:
                first_at, passed = moment(met_at), passed_at is not None
        return Acquaintance(first_at, passed, proofs)

    async def note(self, meetings: Sequence[Meeting]) -> None:
        """Remember meetings, each until its time is over."""
        rows = {
            meeting.triplet: {
                "id": meeting.triplet,
                "client": meeting.client,
                "first_at": micros(meeting.first_at),
                "passed_at": micros(meeting.passed_at) if meeting.passed_at else None,
                "expires_at": micros(meeting.expires_at),
            }
            for meeting in meetings
        }
        in_order = [rows[triplet] for triplet in sorted(rows)]  # so that processes never wait in a circle
        await self._attempts.do(lambda: self._database.store([self._note], {"greylist": as_json(in_order)}))

    async def renew(self, clients: Sequence[str], until: datetime) -> None:
        """Remember the proofs of those clients until then."""
        await self._attempts.change((self._renew, {"clients": as_json(clients), "until": micros(until)}))

    async def purge(self, now: datetime, most: int) -> int:
        """Forget what is over, and beyond `most` meetings those that are over first; how many."""
        [(rows,)] = await self._attempts.read(_ROWS)
        purged = 0
        while ids := await self._next_to_go(now, excess=rows - purged - most):
            await self._attempts.change((self._forget, {"ids": as_json(ids)}))
            purged += len(ids)
        return purged

    async def _next_to_go(self, now: datetime, excess: int) -> Sequence[str]:
        over = await self._attempts.read(_OVER, {"now": micros(now), "limit": FORGOTTEN_AT_ONCE})
        if not over and excess > 0:
            over = await self._attempts.read(_BY_TIME, {"limit": min(excess, FORGOTTEN_AT_ONCE)})
        return [row.id for row in over]


_has_passed = greylist.c.passed_at.is_not(None)
_is_valid = greylist.c.expires_at >= bindparam("now")
_NOTHING = cast(null(), BigInteger)

_proofs = (
    select(literal(1).label("proof"))
    .select_from(greylist)
    .where(greylist.c.client == bindparam("client"), _has_passed, _is_valid)
    .limit(bindparam("enough"))
    .subquery()
)
_ACQUAINTANCE = union_all(
    select(greylist.c.first_at, greylist.c.passed_at, _NOTHING.label("proofs")).where(
        greylist.c.id == bindparam("id"), _is_valid
    ),
    select(_NOTHING, _NOTHING, func.count()).select_from(_proofs),
)
_ROWS = select(func.count()).select_from(greylist)
_BY_TIME = select(greylist.c.id).order_by(greylist.c.expires_at).limit(bindparam("limit"))
_OVER = _BY_TIME.where(greylist.c.expires_at < bindparam("now"))
