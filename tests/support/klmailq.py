"""`klmailq` as an operator runs it."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

from cli.klmailq import main
from tests.support.gateway import PROJECT, Site

BANNER = "Mailwarden Mail Queue Manager for Linux version"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command said, and how it ended."""

    code: int
    lines: list[str]  # behind the banner
    complaints: str


async def klmailq(site: Site, *options: str) -> Ran:
    """Run it beside the gateway of a site, in a thread with a loop of its own: nothing needs to start."""
    said, complaints = io.StringIO(), io.StringIO()

    def command() -> int:
        with patch.dict(os.environ, site.environment), redirect_stdout(said), redirect_stderr(complaints):
            return main(["-c", str(site.config), *options])

    code = await asyncio.to_thread(command)
    return _ran(code, said.getvalue(), complaints.getvalue())


async def klmailq_process(site: Site, *options: str) -> Ran:
    """Run it as a process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.klmailq", "-c", str(site.config), *options),
        cwd=PROJECT,
        env=dict(site.environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaints = await process.communicate()
    assert process.returncode is not None
    return _ran(process.returncode, said.decode(), complaints.decode())


def _ran(code: int, said: str, complaints: str) -> Ran:
    lines = said.splitlines()
    if lines:
        assert lines[0].startswith(BANNER)
    return Ran(code, lines[1:], complaints)
