"""The names and arguments of what the gateway has on a RabbitMQ broker.

| queue | holds |
| --- | --- |
| `<namespace>.<stage>` | mail ready for the stage |
| `<namespace>.<stage>.urgent` | mail that goes before it: quorum queues of RabbitMQ 3 know no priorities |
| `<namespace>.<stage>.wait.<seconds>` | a waiting room: mail that returns to the stage after so long |
| `<namespace>.dead` | mail that the broker took out: rejected, or taken too often |
| `<namespace>.parked` | mail that the gateway parked |
| `<namespace>.<stage>.questions` | questions of operators, for as long as somebody waits for the answer |

A room has one delay for all mail in it, since a broker lets mail expire only at the head of a queue.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from gateway.bus.intake import MOST_TAKES
from gateway.domain.pipeline import Stage

Arguments = dict[str, str | int]

_R10 = (100, 125, 160, 200, 250, 315, 400, 500, 630, 800)
_TENS = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)

ROOMS: tuple[int, ...] = tuple(
    sorted({ceil(step * tens / 100) for tens in _TENS for step in _R10 if step * tens < 400_000_000})
)
"""The delays of waiting rooms in seconds: the preferred numbers R10 (ISO 3) from 1 s to 36 days.

A delay is rounded up by about a quarter at most, and a stage never has more than these rooms.
"""

# The broker counts how often a mail was taken in all queues that it has a limit for, and a mail may be
# looked at while parked for as long as it lies there. Newer brokers have a low limit unless told one.
_NO_LIMIT = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Topology:
    """What the gateway of one namespace has on the broker."""

    namespace: str

    @property
    def dead(self) -> str:
        """The queue of dead letters."""
        return f"{self.namespace}.dead"

    @property
    def parked(self) -> str:
        """The queue of parked mail."""
        return f"{self.namespace}.parked"

    @property
    def commands(self) -> str:
        """The exchange of commands."""
        return f"{self.namespace}.commands"

    def ready(self, stage: Stage, *, urgent: bool = False) -> str:
        """The queue of mail that is ready for `stage`."""
        return f"{self.namespace}.{stage}.urgent" if urgent else f"{self.namespace}.{stage}"

    def questions(self, stage: Stage) -> str:
        """The queue of questions to `stage`."""
        return f"{self.namespace}.{stage}.questions"

    def room(self, stage: Stage, seconds: int) -> str:
        """The waiting room of `stage` with that delay."""
        return f"{self.namespace}.{stage}.wait.{seconds}"

    def stage_of(self, queue: str) -> Stage | None:
        """The stage that `queue` belongs to, if it belongs to one."""
        name = queue.removeprefix(f"{self.namespace}.").partition(".")[0]
        return Stage(name) if name in Stage.__members__.values() else None

    def queues(self) -> Mapping[str, Arguments]:
        """All queues but the waiting rooms, and their arguments."""
        keeping: Arguments = {"x-queue-type": "quorum", "x-delivery-limit": _NO_LIMIT}
        ready = {
            self.ready(stage, urgent=urgent): self._forwarding(self.dead) | {"x-delivery-limit": MOST_TAKES}
            for stage in Stage
            for urgent in (True, False)
        }
        return {self.dead: keeping, self.parked: keeping} | ready

    def room_arguments(self, stage: Stage, seconds: int) -> Arguments:
        """The arguments of a waiting room."""
        return self._forwarding(self.ready(stage)) | {"x-message-ttl": seconds * 1000}

    def _forwarding(self, queue: str) -> Arguments:
        # At least once: the broker lets go of mail only when the other queue has confirmed it. It
        # refuses this for a queue that may drop its oldest mail, so that has to be ruled out by name.
        return {
            "x-queue-type": "quorum",
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": queue,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }


def room_for(delay: timedelta) -> int:
    """The shortest room, in seconds, in which mail waits for at least `delay`.

    Raises `ValueError` for a delay that no mail lives long enough for.
    """
    place = bisect_left(ROOMS, delay.total_seconds())
    if place == len(ROOMS):
        raise ValueError(f"nothing waits for {delay}: the longest room has {ROOMS[-1]} seconds")
    return ROOMS[place]
