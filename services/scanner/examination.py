"""Looking at a message: which objects it holds, and what the engines say of each. No policy, no recipient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.domain.kinds import Kind
from gateway.domain.mime import Part, closed, take_apart
from gateway.domain.policy import ObjectStatus
from gateway.domain.readings import other_parts
from gateway.runtime.sheets import Sheet
from services.scanner.engines.port import Knowledge, NeedsIsolation
from services.scanner.judging import (
    Examined,
    Rules,
    as_inside,
    could_not_judge,
    judge,
    readings_of,
    with_inside,
)
from services.scanner.objects.budget import Budget
from services.scanner.objects.walking import opens
from services.scanner.tray import Served, Tray

LIGHT = 256 << 10
"""Bytes of a part up to which it may be looked at on the spot."""


MOST_ON_THE_SPOT = 100
"""Parts that are looked at on the spot; real mail has a dozen."""
DISPUTED = 2 << 10
"""Bytes of another reading of a part that cost as much as a part."""


@dataclass(frozen=True, slots=True)
class Examination:
    """All that was found in one message: the same for everybody who gets it."""

    parts: tuple[Part, ...]
    objects: tuple[Examined, ...]  # one for each part that is no container, in order
    editions: tuple[str, ...] = ()  # with which another look finds the same; none: nobody should remember it

    @property
    def count(self) -> int:
        """Objects that were looked at, those inside others too."""
        return sum(1 + len(found.inside) for found in self.objects)


NOT_EXAMINED = Examination((), ())
"""Of mail whose policy asks for no scan."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The parts of a message, and what was found in those of them that could be examined on the spot."""

    parts: tuple[Part, ...]
    others: tuple[Part, ...]  # what other readers would see; the parent says in which part
    done: dict[Part, Examined] = field(default_factory=dict)

    @property
    def left(self) -> tuple[Part, ...]:
        """Those that are still to be examined."""
        leaves = (part for part in (*self.parts, *self.others) if not part.container)
        return tuple(part for part in leaves if part not in self.done)

    def examination(self, examined: Iterable[Examined] = (), editions: tuple[str, ...] = ()) -> Examination:
        """All together, with what was found in those that were left, or what replaces what was found."""
        done = self.done | {found.part: found for found in examined}
        parts = self.parts
        others: dict[int, list[Examined]] = {}
        for other in self.others:
            others.setdefault(other.parent, []).append(done[other])
        for index in sorted(others, reverse=True):
            part = self.parts[index]
            seen = tuple(one for found in others[index] for one in as_inside(found))
            if not part.container and seen:
                done[part] = with_inside(done[part], seen)
            elif any(one.status is not ObjectStatus.CLEAN for one in seen):
                # A reader sees a bad object where this structure has none, so none of its parts can be
                # trusted alone: the whole container is that object.
                before = [one for one in parts if not one.container]
                parts, whole = closed(parts, part)
                held = (one for found in before if found not in parts for one in as_inside(done[found]))
                done[whole] = with_inside(_empty(whole), (*held, *seen))
        return Examination(parts, tuple(done[part] for part in parts if not part.container), editions)


EnginesFor = Callable[[Part], Sequence[Knowledge]]
"""The engines that a part needs; none when all of them are known to find it clean."""


def survey(message: bytes, engines_for: EnginesFor, rules: Rules, *, light: int = LIGHT) -> Survey:
    """Find all parts of `message`, and examine those that are small and hold nothing else. Never raises."""
    parts = take_apart(message, open_messages=rules.opening.messages)
    found = Survey(parts, other_parts(message, parts))
    spent = 0
    for part in found.left:
        spent += 1
        if part.unopened:
            found.done[part] = could_not_judge(part, part.unopened)
        elif part.end - part.body <= light and spent <= MOST_ON_THE_SPOT:
            readings = readings_of(part, message)
            spent += (len(readings) - 1) * (part.end - part.body) // DISPUTED
            if not any(opens(reading, rules.opening) for reading in readings):
                with suppress(NeedsIsolation):
                    engines = engines_for(part)
                    found.done[part] = judge(part, readings, engines, rules, Budget(rules.limits))
    return found


def survey_sheet(sheet: Sheet, size: int, rules: Rules) -> Survey:
    """The parts of a message that lies on a sheet: what is called in isolation for a large one."""
    return survey(sheet.read(0, size), lambda _: (), rules, light=0)


def examine_parts(
    sheet: Sheet,
    parts: Sequence[tuple[Part, Sequence[Knowledge]]],
    rules: Rules,
    opens_itself: frozenset[Kind],
    tray: Sheet | None,
) -> tuple[tuple[Examined, tuple[Served, ...]], ...]:
    """Have parts looked at, and all that is inside them, by the engines beside each, within one budget.

    What remote engines have to be given, since they do not open what it is in, is put on the tray.

    What is called in isolation. It never raises, but it may take long, and it may crash.
    """
    budget = Budget(rules.limits)
    serving = Tray(tray, opens_itself) if tray else None
    examined: list[tuple[Examined, tuple[Served, ...]]] = []
    for part, engines in parts:
        readings = readings_of(part.moved(-part.start), sheet.read(part.start, part.end))
        found = judge(part, readings, engines, rules, budget, serving)
        examined.append((found, serving.clear() if serving else ()))
    return tuple(examined)


def examine(message: bytes, engines: Sequence[Knowledge], rules: Rules) -> Examination:
    """The whole of it in one go, wherever this is called. Never raises."""
    found = survey(message, lambda _: engines, rules)
    budget = Budget(rules.limits)
    return found.examination(
        judge(part, readings_of(part, message), engines, rules, budget) for part in found.left
    )


def not_examined(message: bytes, cause: str) -> Examination:
    """The whole message as one object that nobody could look at."""
    part, *_ = take_apart(message, most_depth=0)
    return Examination((part,), (could_not_judge(part, cause),))


def _empty(whole: Part) -> Examined:
    return Examined(whole, whole.end - whole.body, ObjectStatus.CLEAN)
