"""One look at one message, by local engines on the spot or in isolation, and by remote ones.

No engine is asked of which iChecker knows that it finds nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import MappingProxyType

from gateway.domain.mime import Part
from gateway.domain.policy import ObjectStatus
from gateway.domain.statistics import Timing, Took, nobody_times
from gateway.runtime.isolation import Cause, CouldNotCheck, IsolationPool
from gateway.runtime.sheets import Sheet
from services.scanner.cure.kinds import ARCHIVES, can_disarm
from services.scanner.cure.part import cure_part
from services.scanner.engines.panel import Panel
from services.scanner.engines.port import Deletion, Knowledge
from services.scanner.examination import Examination, Survey, examine_parts
from services.scanner.held import Held, OnSheet
from services.scanner.ichecker import IChecker, mark_of
from services.scanner.judging import Examined, Rules, could_not_judge, disinfected, with_opinions
from services.scanner.opinions import LARGE, ask_about, opinion_of
from services.scanner.tray import Served

MOST_TIMES = 3
"""How many times the time of one object a message may take in all."""

LOCAL = "local"
"""What iChecker calls all local engines together."""

CAUSES: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.TIMED_OUT: "scan timed out",
        Cause.CRASHED: "scan crashed",
        Cause.OUT_OF_MEMORY: "scan ran out of memory",
        Cause.RAISED: "scan failed",
    }
)


@dataclass(frozen=True, slots=True)
class Means:
    """What a scanner looks with."""

    panel: Panel
    pool: IsolationPool
    rules: Rules
    timeout: float  # seconds for one object
    ichecker: IChecker | None = None
    took: Took = nobody_times


class Look:
    """What is known while one message is looked at."""

    def __init__(self, means: Means, held: Held, editions: tuple[str, ...]) -> None:
        """`editions` are those of the panel of now."""
        self._means = means
        self._held = held
        self._local = means.panel.local
        self._editions = editions
        self._lasting = "" not in editions and self._local.edition in editions
        self._marks: dict[Part, bytes] = {}

    def at_hand_for(self, part: Part) -> Sequence[Knowledge]:
        """The engines that a small part needs."""
        return () if self._is_known(LOCAL, self._local.edition, self._mark(part)) else self._local.at_hand

    async def completed(self, found: Survey, sheet: Sheet | None = None) -> Examination:
        """A survey with all that is missing; the message lies on the sheet if parts of it are left.

        Raises `TemporaryFailure` when a remote engine cannot be asked now.
        """
        examined = [await self._with_opinions(one) for one in tuple(found.done.values())]
        if sheet and found.left:
            examined += await self._look_further(sheet, found.left)
        return found.examination(examined, self._editions if self._lasting else ())

    async def _look_further(self, sheet: Sheet, parts: Sequence[Part]) -> list[Examined]:
        """Have parts examined in the pool, together or, if that goes wrong, one by one."""
        timeout = self._means.timeout
        until = time.monotonic() + MOST_TIMES * timeout
        answer = await self._look_in_isolation(sheet, parts, timeout)
        if not isinstance(answer, CouldNotCheck):
            return answer

        # Nobody knows which of them it was; the others shall not suffer for it.
        self._lasting = False
        examined: list[Examined] = []
        for part in parts:
            alone = await self._look_again(sheet, part, until) if len(parts) > 1 else answer
            if isinstance(alone, CouldNotCheck):
                examined.append(could_not_judge(part, CAUSES[alone.cause]))
            else:
                examined += alone
        return examined

    async def _look_again(self, sheet: Sheet, part: Part, until: float) -> list[Examined] | CouldNotCheck:
        left = min(until - time.monotonic(), self._means.timeout)
        if left <= 0:
            return CouldNotCheck(Cause.TIMED_OUT)
        return await self._look_in_isolation(sheet, (part,), left)

    async def _look_in_isolation(
        self, sheet: Sheet, parts: Sequence[Part], seconds: float
    ) -> list[Examined] | CouldNotCheck:
        panel, rules = self._means.panel, self._means.rules
        edition, knowledge = self._local.edition, self._local.knowledge
        asked = [
            (part, () if self._is_known(LOCAL, edition, await self._mark_of(part)) else knowledge)
            for part in parts
        ]
        with ExitStack() as stack:
            tray = stack.enter_context(Sheet.blank()) if panel.remote else None
            began = time.perf_counter()
            answer = await self._means.pool.run(
                examine_parts, sheet, asked, rules, panel.opened_by_all, tray, timeout=seconds
            )
            self._means.took(Timing.ISOLATED_ENGINES, time.perf_counter() - began)
            if isinstance(answer, CouldNotCheck):
                return answer
            return [await self._with_opinions(found, served, tray) for found, served in answer]

    async def _with_opinions(
        self, found: Examined, served: Sequence[Served] = (), tray: Sheet | None = None
    ) -> Examined:
        """What was found here, and what remote engines say; all who find nothing are remembered."""
        mark = await self._mark_of(found.part)
        if found.status is ObjectStatus.CLEAN:
            self._remember(LOCAL, self._local.edition, mark)
        for engine, edition in zip(self._means.panel.remote, self._editions[1:], strict=True):
            if self._is_known(engine.name, edition, mark):
                continue
            opinion = await opinion_of(engine, found, self._held, served, tray)
            if opinion.is_clean(edition):
                self._remember(engine.name, edition, mark)
            self._lasting &= all(result.edition == edition for result in opinion.results)
            found = with_opinions(found, opinion.own, opinion.inside)
        return await self._disarmed(found) if self._means.rules.cure else found

    async def _disarmed(self, found: Examined) -> Examined:
        """A bad object as a cured one, if it can be disarmed and nobody finds anything in what is left."""
        if found.status not in (ObjectStatus.INFECTED, ObjectStatus.SUSPICIOUS) or found.part.unopened:
            return found
        if found.deletion is Deletion.ALWAYS or not can_disarm(found.kind):
            return found
        means, (part, around) = self._means, self._held.around(found.part)
        with Sheet.of(around[part.start : part.end]) as sheet:
            alone = replace(found, part=part.moved(-part.start))
            if found.kind in ARCHIVES and all(one.status is ObjectStatus.CLEAN for one in found.inside):
                alone = await self._by_members(alone, sheet)
            cured = await means.pool.run(
                cure_part, sheet, alone, self._local.knowledge, means.rules, timeout=means.timeout
            )
        if not isinstance(cured, bytes):
            return found
        opinions = [await ask_about(engine, cured, found.names) for engine in means.panel.remote]
        is_clean = all(opinion.status is ObjectStatus.CLEAN for opinion in opinions)
        return disinfected(found, cured) if is_clean else found

    async def _by_members(self, found: Examined, sheet: Sheet) -> Examined:
        """An archive of which remote engines know only that something in it is bad, with what that is."""
        means = self._means
        with Sheet.blank() as tray:
            answer = await means.pool.run(
                examine_parts,
                sheet,
                ((found.part, ()),),
                means.rules,
                frozenset(),
                tray,
                timeout=means.timeout,
            )
            if isinstance(answer, CouldNotCheck):
                return found
            ((opened, served),) = answer
            for engine in means.panel.remote:
                opinion = await opinion_of(engine, opened, OnSheet(sheet), served, tray)
                opened = with_opinions(opened, (), opinion.inside)
        return opened

    def _is_known(self, engine: str, edition: str, mark: bytes) -> bool:
        ichecker = self._means.ichecker
        return bool(ichecker and edition and ichecker.knows(engine, edition, mark))

    def _remember(self, engine: str, edition: str, mark: bytes) -> None:
        if self._means.ichecker and edition:
            self._means.ichecker.remember(engine, edition, mark)

    async def _mark_of(self, part: Part) -> bytes:
        if part.end - part.body < LARGE:
            return self._mark(part)
        return await asyncio.to_thread(self._mark, part)

    def _mark(self, part: Part) -> bytes:
        """What iChecker knows the part by."""
        if not self._means.ichecker:
            return b""
        if part not in self._marks:
            moved, around = self._held.around(part)
            self._marks[part] = mark_of(moved, around, self._means.rules.opening)
        return self._marks[part]
