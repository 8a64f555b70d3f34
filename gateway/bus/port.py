"""What the gateway asks of a bus, whichever product is behind it.

The promises, held by `tests/contracts/test_bus.py` for every adapter:

* `publish`, `defer` and `park` return when the mail is safe: a crash of anything afterwards does not lose it.
* A delivery stays taken until `done` or `again`. If its taker dies, the mail comes again.
* A mail may therefore come more than once. Steps are written so that this is harmless.
* Mail is not lost by limits: what cannot be decoded, or was taken too often without an end, is parked.
* While the product behind it is away, `publish`, `defer` and `park` raise `TemporaryFailure` within
  a bounded time, and `consume` and `commands` go on by themselves when it is back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

from gateway.bus.asking import Answer
from gateway.domain.commands import Command
from gateway.domain.explanation import Explanation
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Stage


class Delivery(Protocol):
    """A mail that was taken from the bus, and is still the bus's until its taker says otherwise."""

    @property
    def mail(self) -> Mail:
        """The mail itself."""

    @property
    def held(self) -> bool:
        """Whether it is still its taker's: not once it was ended, nor when the bus gives it out again."""

    async def done(self) -> None:
        """Let go of it: somebody else has it now, or its way has ended."""

    async def again(self) -> None:
        """Give it back untouched, to be taken by anybody."""


class ParkedMail(Protocol):
    """A mail that a fault stopped. It stays parked unless it is retried or dropped."""

    @property
    def mail(self) -> Mail | None:
        """The mail, or None when its content cannot be decoded."""

    @property
    def raw(self) -> bytes:
        """The content as it lay on the bus."""

    @property
    def stage(self) -> Stage | None:
        """The stage that it was stopped at, where that is known."""

    @property
    def reason(self) -> str:
        """Why it was parked."""

    async def retry(self) -> None:
        """Put it back to its stage."""

    async def drop(self) -> None:
        """Remove it for good: only an operator does so."""


class Inlet(Protocol):
    """The side of a bus that takes: all of it that the commands of operators need."""

    async def publish(self, stage: Stage, mails: Sequence[Mail], *, urgent: bool = False) -> None:
        """Hand `mails` to `stage`, urgent ones before all others. All are safe when this returns."""

    async def tell(self, command: Command) -> None:
        """Give `command` to every process that listens now."""

    async def close(self) -> None:
        """Give back all that is taken, and let go of the product behind the bus."""


class Bus(Inlet, Protocol):
    """Moves mail between stages."""

    async def defer(self, stage: Stage, mail: Mail, delay: timedelta) -> None:
        """Hand `mail` to `stage` after at least `delay`."""

    async def park(self, stage: Stage, mail: Mail, reason: str) -> None:
        """Keep `mail` for the operator."""

    def consume(self, stage: Stage, prefetch: int) -> AbstractAsyncContextManager[AsyncIterator[Delivery]]:
        """Take mail of `stage`, at most `prefetch` at once that are neither done nor given back.

        Leaving the context takes no more and gives back what the caller has not yet got from the
        iterator; deliveries it has got can still be ended until the bus is closed.
        """

    def parked(self) -> AbstractAsyncContextManager[AsyncIterator[ParkedMail]]:
        """Walk all parked mail, dead letters included, once."""

    async def depth(self) -> Mapping[Stage, int]:
        """How many mails are ready for each stage, not counting those taken or waiting."""

    async def takers(self) -> Mapping[Stage, int]:
        """How many processes take mail of each stage now: none for one that is down, or suspended."""

    async def ask(self, stage: Stage, mail: Mail, within: float) -> Explanation:
        """What a process of `stage` would do with `mail`, which stays with the asker.

        `TemporaryFailure` when nobody is there to answer, or nobody does within so many seconds.
        """

    def answering(self, stage: Stage, answer: Answer) -> AbstractAsyncContextManager[None]:
        """Until the context is left, questions to `stage` are answered by `answer`."""

    def commands(self) -> AbstractAsyncContextManager[AsyncIterator[Command | None]]:
        """Listen for commands. None says that some may have been missed: ask for the present state."""
