"""What comes out of containers and has to be given to remote engines: those that open no such container.

They get each part of a message as it is, and open most containers themselves. The rest is opened in isolation
alone, so it is put on a tray there: a sheet that the service reads afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.domain.kinds import Kind
from gateway.domain.policy import ObjectStatus
from gateway.runtime.sheets import Sheet
from services.scanner.engines.port import EngineResult
from services.scanner.objects.walking import Object

_NO_ROOM = EngineResult(ObjectStatus.ERROR, cause="too large to be given to all engines")


@dataclass(frozen=True, slots=True)
class Served:
    """Where a content lies on the tray, and the number of its object among those inside its part."""

    number: int
    start: int
    end: int


@dataclass(slots=True)
class Tray:
    """A sheet that is written for one part after the other."""

    sheet: Sheet
    opens: frozenset[Kind]  # the containers that all remote engines open
    served: list[Served] = field(default_factory=list)  # of the part that is looked at now
    _end: int = 0
    _opened: dict[tuple[int, ...], bool] = field(default_factory=dict)  # containers, by their place

    def clear(self) -> tuple[Served, ...]:
        """What was served of the part that ends here; what comes next is of another one."""
        served, self.served = tuple(self.served), []
        return served

    def take(self, found: Object, number: int, *, outermost: bool) -> tuple[EngineResult, ...]:
        """Serve an object that remote engines do not come to by themselves.

        Gives a result when there is no room for it.
        """
        reached = outermost or self._opened.get(found.place[:-1], False)
        self._opened[found.place] = all(one.kind in self.opens for one in found.found)
        if reached:
            return ()
        try:
            self.sheet.write(found.content)
        except OSError:  # what was written of it is passed over
            self._end = self.sheet.size
            return (_NO_ROOM,)
        self.served.append(Served(number, self._end, self._end + len(found.content)))
        self._end += len(found.content)
        return ()
