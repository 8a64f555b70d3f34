"""Looking at a message: which objects it holds, and what the engines say of each. No policy, no recipient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gateway.domain.mime import MESSAGES, TOO_DEEP, Part, decoded, take_apart
from gateway.domain.policy import ObjectStatus, worst
from services.scanner.engines.port import Deletion, Engine, EngineResult

MOST_ENCODED_LEVELS = 4
"""Attached messages inside each other, each of them encoded as a whole: nobody sends even two."""

LONGEST_CAUSE = 200
"""Characters of what an engine raised that are kept."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is looked at, and whether threats are cured."""

    cure: bool = False
    open_messages: bool = True


@dataclass(frozen=True, slots=True)
class Examined:
    """One object, and what was found in it."""

    part: Part
    size: int  # bytes of its content
    status: ObjectStatus
    threats: tuple[str, ...] = ()
    cause: str = ""  # why it could not be looked at
    cured: bytes | None = None  # what takes the place of its content, of a disinfected object
    deletion: Deletion = Deletion.BY_POLICY


@dataclass(frozen=True, slots=True)
class Examination:
    """All that was found in one message: the same for everybody who gets it."""

    parts: tuple[Part, ...]
    objects: tuple[Examined, ...]  # one for each part that is no container, in order
    passing: bool = False  # the cause may be gone at the next try, so nobody should remember this


NOT_EXAMINED = Examination((), ())
"""Of mail whose policy asks for no scan."""


def examine(message: bytes, engines: Sequence[Engine], rules: Rules) -> Examination:
    """Have all `engines` look at all objects of `message`. Never raises."""
    parts = take_apart(message, open_messages=rules.open_messages)
    objects = (_examine_object(part, message, engines, rules) for part in parts if not part.container)
    return Examination(parts, tuple(objects))


def not_examined(message: bytes, cause: str) -> Examination:
    """The whole message as one object that nobody could look at."""
    part, *_ = take_apart(message, most_depth=0)
    return Examination(
        (part,), (Examined(part, len(message), ObjectStatus.ERROR, cause=cause),), passing=True
    )


def _examine_object(part: Part, message: bytes, engines: Sequence[Engine], rules: Rules) -> Examined:
    if part.unopened:
        return Examined(part, part.end - part.body, ObjectStatus.ERROR, cause=part.unopened)
    content = decoded(part, message)
    results = [_scan(engine, content, part.name) for engine in engines]
    if rules.open_messages and part.content_type in MESSAGES:
        results += _scan_encoded_message(content, engines)

    cured = _cured(results, engines, part.name) if rules.cure else None
    if cured is not None:
        return Examined(part, len(content), ObjectStatus.DISINFECTED, _threats(results), cured=cured)
    status = worst(tuple(result.status for result in results))
    return Examined(
        part,
        len(content),
        status,
        _threats(results),
        next((result.cause for result in results if result.status is status), ""),
        deletion=_deletion(results, rules),
    )


def _scan(engine: Engine, content: bytes, name: str) -> EngineResult:
    try:
        return engine.scan(content, name)
    except (
        Exception
    ) as error:  # engines are foreign code: what they raise is neither clean nor a fault of ours
        cause = f"{engine.name}: {type(error).__name__}: {error}"
        return EngineResult(ObjectStatus.ERROR, cause=cause[:LONGEST_CAUSE])


def _scan_encoded_message(content: bytes, engines: Sequence[Engine]) -> Iterator[EngineResult]:
    """What is in an attached message that has no offsets of its own, since it was encoded as a whole."""
    waiting = [(content, 1)]
    while waiting:
        message, level = waiting.pop()
        for part in take_apart(message):
            if part.container:
                continue
            if part.unopened or level > MOST_ENCODED_LEVELS:
                yield EngineResult(ObjectStatus.ERROR, cause=part.unopened or TOO_DEEP)
                continue
            inside = decoded(part, message)
            # A cure would be one of the part inside, which cannot be put back by itself.
            yield from (replace(_scan(engine, inside, part.name), cured=None) for engine in engines)
            if part.content_type in MESSAGES:
                waiting.append((inside, level + 1))


def _cured(results: Sequence[EngineResult], engines: Sequence[Engine], name: str) -> bytes | None:
    """The cured content, if all that call it infected know a cure, and nobody finds anything in the first."""
    infected = [result for result in results if result.status is ObjectStatus.INFECTED]
    cures = [result.cured for result in infected if result.cured is not None]
    if not cures or len(cures) < len(infected):
        return None
    clean = all(_scan(engine, cures[0], name).status is ObjectStatus.CLEAN for engine in engines)
    return cures[0] if clean else None


def _threats(results: Sequence[EngineResult]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(threat for result in results for threat in result.threats))


def _deletion(results: Sequence[EngineResult], rules: Rules) -> Deletion:
    demanded = {result.deletion for result in results}
    if Deletion.ALWAYS in demanded:
        return Deletion.ALWAYS
    return Deletion.UNLESS_CURED if rules.cure and Deletion.UNLESS_CURED in demanded else Deletion.BY_POLICY
