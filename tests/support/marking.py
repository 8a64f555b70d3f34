"""An engine that finds a mark, wherever it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.domain.policy import ObjectStatus
from services.scanner.engines.port import CLEAN, Bases, EngineResult, Sample


@dataclass(frozen=True)
class MarkEngine:
    """Finds these bytes anywhere in a content."""

    mark: bytes
    status: ObjectStatus = ObjectStatus.INFECTED
    name: str = "mark"
    edition: str = "1"
    bases: Bases = Bases(date(2026, 3, 1), 1)  # noqa: RUF009 - it is frozen

    @property
    def at_hand(self) -> MarkEngine:
        return self

    knowledge = at_hand

    def judge(self, sample: Sample) -> EngineResult:
        return EngineResult(self.status, ("Mark",)) if self.mark in sample.content else CLEAN
