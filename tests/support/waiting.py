"""Waiting for what should happen, where nobody says that it did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(holds: Callable[[], bool], *, within: float = 60.0) -> None:
    """Return when `holds()` is true. Raises `TimeoutError` when it is not within so many seconds."""
    async with asyncio.timeout(within):
        while not holds():
            await asyncio.sleep(0.01)
