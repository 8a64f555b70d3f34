"""A gateway of real processes with a mail server of the test behind it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support.gateway import GatewayProcess, make_site
from tests.support.passage import Passage
from tests.support.smtp_peer import smtp_peer
from tests.support.waiting import until

SMTPGW = ("cli.smtpgw", "--no-daemon", "--no-pid-file", "--no-change-owner")

SPEAKS_WITHIN = 90.0
"""Seconds until a line stands in the log; only reached when a test fails."""


@dataclass(frozen=True, slots=True)
class Standing(Passage):
    """A gateway that runs in processes of its own."""

    command: GatewayProcess

    @property
    def process(self) -> psutil.Process:
        """The one that was started: the watchdog."""
        assert self.command.process is not None
        return psutil.Process(self.command.process.pid)

    def services(self, program: str) -> list[psutil.Process]:
        """The processes that run a program, `services.scanner`."""
        return [child for child in self.process.children() if program in child.cmdline()]

    async def says(self, pattern: str) -> None:
        """Return when something like that stands in the log."""
        try:
            await until(lambda: bool(re.search(pattern, self.site.log)), within=SPEAKS_WITHIN)
        except TimeoutError:
            raise AssertionError(f"{pattern!r} is not in the log:\n{self.site.log[-4000:]}") from None


@asynccontextmanager
async def standing(
    folder: Path,
    *,
    options: Sequence[str] = (),
    before: Sequence[str] = (),
    bus_url: str = "embedded:",
    namespace: str = "mailwarden",
    records_url: str = "",
    settings: Mapping[str, str] | None = None,
    groups: str = "",
    routes: Sequence[str] = (),
) -> AsyncIterator[Standing]:
    """`smtpgw` with these options, until the block is left; a command `before` it may run it.

    `routes` stand before the one that leads to the mail server of the test.
    """
    async with smtp_peer() as next_hop:
        if routes:
            all_routes = "\n".join((*routes, f"* [127.0.0.1:{next_hop.port}]"))
            settings = {**(settings or {}), "smtpgw.forward ForwardRoute": all_routes}
        site = make_site(
            folder,
            next_hop_port=next_hop.port,
            bus_url=bus_url,
            namespace=namespace,
            records_url=records_url,
            settings=settings,
            groups=groups,
        )
        command = GatewayProcess(site, (*SMTPGW, *options), before)
        try:
            await asyncio.to_thread(command.start)
            gateway = Standing(site, next_hop, command)
            await gateway.says("the gateway has started")
            yield gateway
        finally:
            await asyncio.to_thread(command.kill)
