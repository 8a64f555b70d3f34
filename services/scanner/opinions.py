"""What remote engines say of the parts of a message, beside what was found in them here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.errors import TemporaryFailure
from gateway.domain.policy import ObjectStatus
from gateway.domain.readings import contents
from gateway.runtime.sheets import Sheet
from services.scanner.engines.port import EngineResult, RemoteEngine, Sample
from services.scanner.held import Held
from services.scanner.judging import LONGEST_CAUSE, Examined
from services.scanner.tray import Served

LARGE = 1 << 20
"""Bytes from which on a part is decoded in a thread: it would hold up the event loop for 4 ms."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one engine says of one part, and by their numbers of the objects inside it that it was given."""

    own: tuple[EngineResult, ...]
    inside: dict[int, EngineResult]

    @property
    def results(self) -> tuple[EngineResult, ...]:
        """All of it."""
        return (*self.own, *self.inside.values())

    def is_clean(self, edition: str) -> bool:
        """Whether nothing was found, with that edition of the databases."""
        return all(
            result.status is ObjectStatus.CLEAN and result.edition == edition for result in self.results
        )


async def opinion_of(
    engine: RemoteEngine, found: Examined, held: Held, served: Sequence[Served], tray: Sheet | None
) -> Opinion:
    """Ask an engine about a part, as all readers would have it, about its cure, and about what was served.

    Raises `TemporaryFailure` when the engine cannot be asked now.
    """
    own = [await ask_about(engine, content, found.names) for content in await _contents(found, held)]
    if found.cured is not None:
        own.append(await ask_about(engine, found.cured, found.names))
    inside: dict[int, EngineResult] = {}
    for one in served if tray else ():
        content = tray.read(one.start, one.end) if tray else b""
        inside[one.number] = await ask_about(engine, content, found.inside[one.number].names)
    return Opinion(tuple(own), inside)


async def _contents(found: Examined, held: Held) -> tuple[bytes, ...]:
    part, around = held.around(found.part)
    if part.end - part.body < LARGE:
        return contents(part, around)
    return await asyncio.to_thread(contents, part, around)


async def ask_about(engine: RemoteEngine, content: bytes, names: Sequence[str]) -> EngineResult:
    """What an engine says of a content. Raises `TemporaryFailure` when it cannot be asked now."""
    try:
        return await engine.scan(Sample(content, names[0] if names else ""))
    except TemporaryFailure:
        raise
    except Exception as error:  # whatever an engine raises is neither clean nor a fault of ours
        cause = f"{engine.name}: {type(error).__name__}: {error}"
        return EngineResult(ObjectStatus.ERROR, cause=cause[:LONGEST_CAUSE])
