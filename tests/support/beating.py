"""A child for the supervisor that does what it is told, word by word, and then waits for its end.

ready:MODULE  beat:MODULE  exit:CODE  die:SIGNAL  say:TEXT  once:FILE (go on only the first time)
deaf (ignore SIGTERM)  told:FILE (write "stopped" there on SIGTERM)  orphaned:FILE (the same, when orphaned)
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial
from pathlib import Path

from gateway.runtime.heartbeat import Heartbeat


async def main(words: list[str]) -> int:
    """Obey all words, then wait until somebody ends this process."""
    heartbeat, ended = Heartbeat.inherited(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    for word in words:
        match word.split(":", 1):
            case ["ready", module]:
                heartbeat.ready(module)
            case ["beat", module]:
                heartbeat.beat(module)
            case ["exit", code]:
                return int(code)
            case ["die", number]:
                os.kill(os.getpid(), int(number))
            case ["say", text]:
                print(text, file=sys.stderr, flush=True)
            case ["once", file]:
                if not _first_time(Path(file)):
                    break
            case ["deaf"]:
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
            case ["told", file]:
                await ended.wait()
                _leave(Path(file), "stopped", ended)
            case ["orphaned", file]:
                heartbeat.when_orphaned(partial(_leave, Path(file), "orphaned", ended))
            case _:
                raise ValueError(word)
    await ended.wait()
    return 0


def _first_time(file: Path) -> bool:
    first = not file.exists()
    file.touch()
    return first


def _leave(file: Path, why: str, ended: asyncio.Event) -> None:
    file.write_text(why)
    ended.set()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
