"""The way of a mail: its stages, its states in the queue, and what a step can make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from gateway.domain.journey import Ended, Ending, Event
from gateway.domain.mail import Mail


class Stage(StrEnum):
    """A step that takes mail from the bus. The receiver is none: it puts mail there."""

    ANTISPAM = "antispam"
    SCANNER = "scanner"
    SENDER = "sender"


ROUTE = (Stage.ANTISPAM, Stage.SCANNER, Stage.SENDER)
"""The order of the stages, for every mail that a client brings."""


def following(stage: Stage) -> Stage:
    """The stage after `stage`. Nothing follows the sender: asking for it is an error of the caller."""
    return ROUTE[ROUTE.index(stage) + 1]


class Module(StrEnum):
    """What an operator can suspend (manual, chapter 6.4)."""

    RECEIVER = "receiver"
    SCANNING = "scanning"  # antispam and scanner together: their mail goes straight to the sender
    SENDER = "sender"


MODULE_OF: Mapping[Stage, Module] = MappingProxyType(
    {Stage.ANTISPAM: Module.SCANNING, Stage.SCANNER: Module.SCANNING, Stage.SENDER: Module.SENDER}
)


class QueueState(StrEnum):
    """Where a queued mail stands, in the manual's codes (chapter 6.5)."""

    WFC = "WFC"  # waits for spam filtering and virus scanning
    CHK = "CHK"  # is being checked
    WFS = "WFS"  # waits to be split by group
    SPL = "SPL"  # is being split
    QUE = "QUE"  # waits to be sent
    SND = "SND"  # is being sent


REMOVABLE = frozenset((QueueState.WFC, QueueState.WFS, QueueState.QUE))
"""The states of mail that nobody works on: only that can be removed (manual, chapter 6.7)."""

SENDABLE = frozenset((QueueState.QUE,))
"""The states of mail that can be sent early (manual, chapter 6.7)."""

WAITING: Mapping[Stage, QueueState] = MappingProxyType(
    {Stage.ANTISPAM: QueueState.WFC, Stage.SCANNER: QueueState.WFC, Stage.SENDER: QueueState.QUE}
)
WORKING: Mapping[Stage, QueueState] = MappingProxyType(
    {Stage.ANTISPAM: QueueState.CHK, Stage.SCANNER: QueueState.CHK, Stage.SENDER: QueueState.SND}
)


@dataclass(frozen=True, slots=True)
class Onward:
    """The next stage shall have `mail`, and the sender what the step `created` (notices)."""

    mail: Mail
    events: tuple[Event, ...] = ()
    created: tuple[Mail, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """The way of the mail ends here. One of `events` is the `Ended` that says how.

    Without one it is only this copy that ends, and another one goes on.
    """

    events: tuple[Event, ...]
    created: tuple[Mail, ...] = ()


@dataclass(frozen=True, slots=True)
class Later:
    """The same stage shall have `mail` again after `delay`."""

    mail: Mail
    delay: timedelta
    reason: str
    events: tuple[Event, ...] = ()
    created: tuple[Mail, ...] = ()


REPLACED = Finished(())
"""The copy is an older one of a mail that an operator had sent early."""


def taken_out(mail: Mail, at: datetime) -> Finished:
    """The end of a mail that an operator removed from the queue, where it is met."""
    return Finished((Ended(mail.id, at, Ending.REMOVED, "removed by the operator"),))


Outcome = Onward | Finished | Later
"""What a worker says should become of a mail; the loop in `runtime/serve.py` does it."""
