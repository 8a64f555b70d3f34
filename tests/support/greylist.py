"""The greylist in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.domain.errors import TemporaryFailure
from gateway.records.port import Acquaintance, Meeting


@dataclass
class MemoryGreylist:
    """Keeps meetings; `away` says that nothing can be asked or kept now."""

    met: dict[str, Meeting] = field(default_factory=dict)
    away: bool = False
    asked: int = 0

    def until(self) -> set[datetime]:
        """The times at which meetings are over."""
        return {one.expires_at for one in self.met.values()}

    async def acquaintance(self, client: str, triplet: str, now: datetime, enough: int) -> Acquaintance:
        self._answer()
        valid = [one for one in self.met.values() if one.expires_at >= now]
        proofs = sum(one.client == client and one.passed_at is not None for one in valid)
        known = self.met.get(triplet)
        if known not in valid or known is None:
            return Acquaintance(proofs=min(proofs, enough))
        return Acquaintance(known.first_at, known.passed_at is not None, min(proofs, enough))

    async def note(self, meetings: Sequence[Meeting]) -> None:
        self._answer()
        for meeting in meetings:
            known = self.met.get(meeting.triplet)
            if known is None or known.expires_at < meeting.first_at:
                self.met[meeting.triplet] = meeting
            elif meeting.passed_at:
                passed_at = known.passed_at or meeting.passed_at
                self.met[meeting.triplet] = replace(known, passed_at=passed_at, expires_at=meeting.expires_at)

    async def renew(self, clients: Sequence[str], until: datetime) -> None:
        self._answer()
        for triplet, one in self.met.items():
            if one.client in clients and one.passed_at:
                self.met[triplet] = replace(one, expires_at=until)

    async def purge(self, now: datetime, most: int) -> int:
        self._answer()
        in_order = sorted(self.met.values(), key=lambda one: one.expires_at)
        over = [one for one in in_order if one.expires_at < now]
        gone = in_order[: max(len(over), len(in_order) - most)]
        for one in gone:
            del self.met[one.triplet]
        return len(gone)

    def _answer(self) -> None:
        self.asked += 1
        if self.away:
            raise TemporaryFailure("the database is away")
