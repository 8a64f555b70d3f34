"""Engines that say what a test wants, and write down what they were asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from gateway.domain.errors import TemporaryFailure
from gateway.domain.kinds import Kind
from services.scanner.engines.port import CLEAN, Bases, EngineResult, Knowledge, NeedsIsolation, Sample


class ScriptedEngine:
    """Knows some contents, and has nothing against all others. A local engine for asking on the spot."""

    name = "scripted"
    bases = Bases(date(2026, 3, 1), 1)

    def __init__(self, results: Mapping[bytes, EngineResult] | None = None) -> None:
        self.results = dict(results or {})
        self.edition = "1"  # of its databases
        self.asked: list[bytes] = []

    @property
    def at_hand(self) -> ScriptedEngine:
        return self

    knowledge = at_hand

    def judge(self, sample: Sample) -> EngineResult:
        self.asked.append(sample.content)
        return self.results.get(sample.content, CLEAN)


class BrokenEngine(ScriptedEngine):
    """Raises what nobody expects."""

    def judge(self, sample: Sample) -> EngineResult:
        raise OSError("no such engine")


class ShyEngine:
    """Another engine, which does not want to be asked on the spot."""

    bases = Bases(date(2026, 3, 1), 1)

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge

    @property
    def at_hand(self) -> Knowledge:
        return _Shy()


class _Shy:
    name, edition = "shy", "1"

    def judge(self, sample: Sample) -> EngineResult:
        raise NeedsIsolation


class RemoteEngine:
    """The same as `ScriptedEngine`, but remote. It opens ZIP archives."""

    name = "remote"
    bases = Bases(date(2026, 3, 2), 2)
    opens = frozenset({Kind.ZIP})

    def __init__(self, results: Mapping[bytes, EngineResult] | None = None) -> None:
        self.results = dict(results or {})
        self.made = "1"  # the edition of its databases
        self.away = False
        self.asked: list[bytes] = []

    async def edition(self) -> str:
        return self.made

    async def scan(self, sample: Sample) -> EngineResult:
        self.asked.append(sample.content)
        if self.away:
            raise TemporaryFailure("it is away")
        return replace(self.results.get(sample.content, CLEAN), edition=self.made)
