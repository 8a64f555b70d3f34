"""A supervisor in a process of its own, so that it can be killed: says "ready" when its one child is."""

from __future__ import annotations

import asyncio
import os
import sys

from gateway.runtime.supervision import Child, Limits, Supervisor


async def main(argv: list[str]) -> int:
    """Supervise the program `argv`, whose module is `sender`."""
    child = Child("sender", tuple(argv), dict(os.environ), frozenset({"sender"}))
    return await Supervisor([child], Limits(), ready=lambda: print("ready", flush=True)).run()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
