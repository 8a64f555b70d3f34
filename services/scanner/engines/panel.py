"""All engines of a scanner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from gateway.domain.kinds import Kind
from services.scanner.engines.port import Bases, Knowledge, LocalEngine, RemoteEngine, together


@dataclass(frozen=True, slots=True)
class Local:
    """What the local engines know at one moment."""

    at_hand: tuple[Knowledge, ...]  # for asking on the spot
    knowledge: tuple[Knowledge, ...]  # the same, for asking in isolation

    @property
    def edition(self) -> str:
        """Stands for all their databases."""
        return " ".join(f"{known.name}={known.edition}" for known in self.knowledge)


class Panel:
    """The engines that are asked about each object."""

    def __init__(self, local: Sequence[LocalEngine], remote: Sequence[RemoteEngine] = ()) -> None:
        self._local = tuple(local)
        self.remote = tuple(remote)

    @property
    def bases(self) -> Bases:
        """What all engines know together."""
        local, remote = (engine.bases for engine in self._local), (engine.bases for engine in self.remote)
        return together(chain(local, remote))

    @property
    def local(self) -> Local:
        """What the local engines know now."""
        return Local(
            tuple(engine.at_hand for engine in self._local), tuple(engine.knowledge for engine in self._local)
        )

    @property
    def opened_by_all(self) -> frozenset[Kind]:
        """The containers that all remote engines open themselves."""
        return frozenset.intersection(frozenset(Kind), *(engine.opens for engine in self.remote))

    async def editions(self) -> tuple[str, ...]:
        """What answers depend on now: with the same editions, none of them empty, the same answers."""
        return (self.local.edition, *[await engine.edition() for engine in self.remote])
