"""Questions to a stage inside one process: what it would do with a mail, and why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from gateway.domain.errors import TemporaryFailure
from gateway.domain.explanation import Explanation
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Stage

Answer = Callable[[Mail], Awaitable[Explanation]]
"""How a stage answers. `TemporaryFailure` when it cannot now."""


class Answerers:
    """All who answer in this process."""

    def __init__(self) -> None:
        self._answers: dict[Stage, list[Answer]] = {stage: [] for stage in Stage}

    async def ask(self, stage: Stage, mail: Mail, within: float) -> Explanation:
        """See `Bus.ask`."""
        if not self._answers[stage]:
            raise nobody(stage)
        try:
            async with asyncio.timeout(within):
                return await self._answers[stage][-1](mail)
        except TimeoutError as error:
            raise no_answer(stage, within) from error

    @asynccontextmanager
    async def answering(self, stage: Stage, answer: Answer) -> AsyncIterator[None]:
        """See `Bus.answering`."""
        self._answers[stage].append(answer)
        try:
            yield
        finally:
            self._answers[stage].remove(answer)


def nobody(stage: Stage) -> TemporaryFailure:
    """Why there is no answer: no process would give one."""
    return TemporaryFailure(f"no {stage} is there to answer")


def no_answer(stage: Stage, within: float) -> TemporaryFailure:
    """Why there is no answer: none came."""
    return TemporaryFailure(f"the {stage} did not answer within {within:g} s")
