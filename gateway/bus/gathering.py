"""Gathering: what is made safe together costs less, so it waits a little for more to come.

Who was answered together comes again together: a client whose message was taken sends its next one. So as
many are waited for as came the time before, and as came while those were served, for about as long as it
takes them to come. Without the latter there would be two parties, of which one always waits for the other.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

FOR_EACH = 0.0005
LONGEST = 0.004
"""Seconds that are waited for each that is expected, and at most. Who comes alone is never kept waiting."""


class Gathering:
    """Counts those who come, for the one that goes on with all of them."""

    def __init__(self) -> None:
        self._here = 0
        self._expected = 0
        self._all_here = asyncio.Event()

    def came(self, many: int) -> None:
        """So many more are here."""
        self._here += many
        if self._here >= self._expected:
            self._all_here.set()

    async def wait(self) -> None:
        """Return when it is time to go on, with those who are here then."""
        if 0 < self._here < self._expected:
            self._all_here.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(FOR_EACH * self._expected, LONGEST)):
                    await self._all_here.wait()
        self._expected, self._here = self._here, 0

    def served(self) -> None:
        """Those who went on have got what they came for. Whoever came meanwhile waits for them."""
        self._expected += self._here
