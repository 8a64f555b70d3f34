"""What engines say of one part, and of everything that is inside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.domain.mime import Part
from gateway.domain.policy import ObjectStatus, worst
from gateway.domain.readings import contents, names
from services.scanner.engines.port import (
    CLEAN,
    Deletion,
    EngineResult,
    Knowledge,
    NeedsIsolation,
    Sample,
)
from services.scanner.objects.budget import Budget, Limits
from services.scanner.objects.mail import FRAGMENT
from services.scanner.objects.walking import Object, Opening, outermost, walk
from services.scanner.tray import Tray

LONGEST_CAUSE = 200
"""Characters of what an engine raised that are kept."""

_SEVERITY = tuple(Deletion)


@dataclass(frozen=True, slots=True)
class Rules:
    """What is looked at, how much of it, and whether threats are cured."""

    cure: bool = False
    opening: Opening = field(default_factory=Opening)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Inside:
    """One object inside a part, and what was found in it."""

    path: str  # inside the part: "inner.zip/a.exe"
    place: tuple[int, ...]  # the same in numbers, by which a member can be found again
    names: tuple[str, ...]  # that readers give it, the first as its container has it
    mime: str  # as it is declared, "" when nobody does
    kind: str  # true type, "" when its content does not tell
    size: int
    status: ObjectStatus
    threats: tuple[str, ...] = ()
    cause: str = ""
    deletion: Deletion = Deletion.BY_POLICY


@dataclass(frozen=True, slots=True)
class Examined:
    """One part that is an object, and what was found in it and in all that it holds."""

    part: Part
    size: int  # bytes of its content
    status: ObjectStatus  # the worst, of itself and of what is inside
    threats: tuple[str, ...] = ()
    cause: str = ""  # why something could not be looked at
    cured: bytes | None = None  # what takes the place of its content, of a disinfected object
    deletion: Deletion = Deletion.BY_POLICY
    kind: str = ""  # true type
    names: tuple[str, ...] = ()  # all that readers give it, the first as the part has it
    inside: tuple[Inside, ...] = ()


def readings_of(part: Part, message: bytes) -> tuple[Object, ...]:
    """The object that a part is, as all readers would have it; mostly they agree."""
    known_as = names(part, message) if part.name or not part.clear else ()
    return tuple(outermost(content, known_as, part.content_type) for content in contents(part, message))


def judge(
    part: Part,
    readings: Sequence[Object],
    engines: Sequence[Knowledge],
    rules: Rules,
    budget: Budget,
    tray: Tray | None = None,
) -> Examined:
    """Have all engines look at a part and at all that is inside it.

    What other engines have to be given of it is put on the tray. Raises `NeedsIsolation` and nothing else.
    """
    first, own = readings[0], [CLEAN]
    inside: list[Inside] = []
    for reading in readings:
        for found in walk(reading, rules.opening, budget):
            results = [] if found.faults else [_ask(engine, _sample_of(found)) for engine in engines]
            if tray and not found.faults:
                results += tray.take(found, len(inside), outermost=found is reading)
            if found is first:
                own += results
            else:
                inside.append(_inside(found, results, rules))
    if part.content_type == FRAGMENT:
        own.append(EngineResult(ObjectStatus.ERROR, cause="a fragment of a message"))

    status = worst(tuple(result.status for result in own))
    alone = Examined(
        part,
        len(first.content),
        status,
        _threats(own),
        next((result.cause for result in own if result.status is status), ""),
        deletion=_deletion(own, rules),
        kind=first.kind,
        names=first.names,
    )
    cured = _cured(own, engines, first) if rules.cure and _all_clean(inside) else None
    if cured is not None:
        return disinfected(replace(alone, inside=tuple(inside)), cured)
    return with_inside(alone, inside)


def disinfected(found: Examined, cured: bytes) -> Examined:
    """`found` with its cured content."""
    return replace(found, status=ObjectStatus.DISINFECTED, cured=cured, cause="", deletion=Deletion.BY_POLICY)


def with_inside(outer: Examined, inside: Sequence[Inside]) -> Examined:
    """`outer` with more objects inside it: the worst of all counts, and a cure of itself alone is none."""
    if _all_clean(inside):
        return replace(outer, inside=(*outer.inside, *inside))
    own_status = ObjectStatus.INFECTED if outer.cured is not None else outer.status
    status = worst((own_status, *(found.status for found in inside)))
    causes = [outer.cause] if own_status is status else []
    causes += [f"{found.path}: {found.cause}" for found in inside if found.status is status and found.cause]
    return replace(
        outer,
        status=status,
        threats=_threats((outer, *inside)),
        cause=next((cause for cause in causes if cause), ""),
        cured=None,
        deletion=max((outer.deletion, *(found.deletion for found in inside)), key=_SEVERITY.index),
        inside=(*outer.inside, *inside),
    )


def with_opinions(
    found: Examined,
    own: Sequence[EngineResult],
    inside: Mapping[int, EngineResult],
) -> Examined:
    """`found` with what others say of itself and, by its number, of what is inside it.

    Of a cure they know nothing: what they find stays.
    """
    if all(result.status is ObjectStatus.CLEAN for result in own):
        itself = replace(found, inside=())
    else:
        before = EngineResult(
            ObjectStatus.INFECTED if found.cured is not None else found.status, found.threats, found.cause
        )
        said = (before, *own)
        status = worst(tuple(result.status for result in said))
        itself = replace(
            found,
            status=status,
            threats=_threats(said),
            cause=next((result.cause for result in said if result.status is status), ""),
            cured=None,
            inside=(),
        )
    return with_inside(
        itself, [_with_opinion(one, inside.get(number, CLEAN)) for number, one in enumerate(found.inside)]
    )


def as_inside(found: Examined) -> tuple[Inside, ...]:
    """A part, and what is inside it, as objects inside another."""
    path = found.part.path
    itself = Inside(
        path,
        (),
        found.names,
        found.part.content_type,
        found.kind,
        found.size,
        ObjectStatus.INFECTED if found.cured is not None else found.status,
        found.threats,
        found.cause,
        found.deletion,
    )
    return (itself, *(replace(one, path=f"{path}/{one.path}") for one in found.inside))


def could_not_judge(part: Part, cause: str) -> Examined:
    """A part that nobody could look at."""
    return Examined(part, part.end - part.body, ObjectStatus.ERROR, cause=cause)


def _sample_of(found: Object) -> Sample:
    return Sample(found.content, found.names[0] if found.names else "")


def _inside(found: Object, results: Sequence[EngineResult], rules: Rules) -> Inside:
    said = (*results, *(EngineResult(fault.status, cause=fault.cause) for fault in found.faults)) or (CLEAN,)
    status = worst(tuple(result.status for result in said))
    return Inside(
        found.path,
        found.place,
        found.names,
        found.mime,
        found.kind,
        len(found.content),
        status,
        _threats(said),
        next((result.cause for result in said if result.status is status), ""),
        _deletion(said, rules),
    )


def _ask(engine: Knowledge, sample: Sample) -> EngineResult:
    try:
        return engine.judge(sample)
    except NeedsIsolation:
        raise
    except Exception as error:  # whatever an engine raises is neither clean nor a fault of ours
        cause = f"{engine.name}: {type(error).__name__}: {error}"
        return EngineResult(ObjectStatus.ERROR, cause=cause[:LONGEST_CAUSE])


def _cured(results: Sequence[EngineResult], engines: Sequence[Knowledge], first: Object) -> bytes | None:
    """The cured content, if all that call it infected know a cure, and nobody finds anything in the first."""
    infected = [result for result in results if result.status is ObjectStatus.INFECTED]
    cures = [result.cured for result in infected if result.cured is not None]
    if not cures or len(cures) < len(infected):
        return None
    cured = replace(_sample_of(first), content=cures[0])
    clean = all(_ask(engine, cured).status is ObjectStatus.CLEAN for engine in engines)
    return cured.content if clean else None


def _with_opinion(found: Inside, result: EngineResult) -> Inside:
    said = (EngineResult(found.status, found.threats, found.cause), result)
    status = worst(tuple(result.status for result in said))
    return replace(
        found,
        status=status,
        threats=_threats(said),
        cause=next((result.cause for result in said if result.status is status), ""),
    )


def _all_clean(inside: Iterable[Inside]) -> bool:
    return all(found.status is ObjectStatus.CLEAN for found in inside)


def _threats(found: Iterable[EngineResult | Inside | Examined]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(threat for one in found for threat in one.threats))


def _deletion(results: Iterable[EngineResult], rules: Rules) -> Deletion:
    demanded = {result.deletion for result in results}
    if Deletion.ALWAYS in demanded:
        return Deletion.ALWAYS
    return Deletion.UNLESS_CURED if rules.cure and Deletion.UNLESS_CURED in demanded else Deletion.BY_POLICY
