"""A whole gateway in the loop of the test: all five services on the embedded bus, with real sockets."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cli.everything import SERVICES
from gateway.config.load import load_settings
from gateway.config.settings import Settings
from gateway.domain.commands import Resume, Suspend
from gateway.domain.journey import Ending
from gateway.domain.pipeline import Module
from gateway.runtime.heartbeat import Heartbeat
from gateway.runtime.lifecycle import Lifecycle
from gateway.runtime.process import Run
from gateway.runtime.wiring import Gateway, follow_commands, open_gateway
from tests.support.gateway import make_site
from tests.support.passage import ENDS_WITHIN, Passage
from tests.support.smtp_peer import smtp_peer
from tests.support.waiting import until

START_SECONDS = 60.0

HASTY: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "timeouts": {"minimal_backoff_time": 1, "maximal_backoff_time": 1},
        "resolve": {"unreachable_ttl": 0},
    }
)
"""A gateway that tries again after a second."""

ENDS = frozenset((*Ending, "parked"))
"""The states that a mail does not leave by itself."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A mail as it lies in the records."""

    id: str
    source_id: str
    group: str
    recipients: tuple[str, ...]
    state: str


@dataclass(frozen=True, slots=True)
class Embedded(Passage):
    """A gateway that runs in this loop."""

    gateway: Gateway

    async def ended(self, address: str) -> Kept:
        """The one mail to that recipient, when its way is at an end and the records know it."""
        await until(lambda: any(kept.state in ENDS for kept in self.kept(address)), within=ENDS_WITHIN)
        [kept] = self.kept(address)
        return kept

    def kept(self, address: str = "") -> list[Kept]:
        """All mail in the records, or all to that recipient."""
        query = "SELECT id, source_id, group_name, recipients, state FROM mails"
        database = self.site.folder / "queue" / "records.sqlite"
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as records:
            rows = records.execute(query).fetchall()
        mails = (
            Kept(mail_id, source_id, group, tuple(json.loads(to)), state)
            for mail_id, source_id, group, to, state in rows
        )
        return [mail for mail in mails if not address or address in mail.recipients]

    async def steps(self, mail_id: str, kind: str) -> list[Mapping[str, object]]:
        """The details of all steps of one kind in the journey of a mail."""
        return [step.detail for step in await self.gateway.records.journey(mail_id) if step.kind == kind]

    async def steps_become(self, mail_id: str, kind: str, count: int) -> None:
        """Return when the journey of a mail has so many steps of one kind."""
        async with asyncio.timeout(ENDS_WITHIN):
            while len(await self.steps(mail_id, kind)) < count:
                await asyncio.sleep(0.01)

    async def state_becomes(self, address: str, state: str) -> None:
        """Return when the records show that state of the one mail to that recipient."""
        await until(lambda: [kept.state for kept in self.kept(address)] == [state], within=ENDS_WITHIN)

    async def step(self, address: str, kind: str) -> Mapping[str, object]:
        """The first step of one kind of the one mail to that recipient, when it has happened."""
        async with asyncio.timeout(ENDS_WITHIN):
            while True:
                for kept in self.kept(address):
                    for detail in await self.steps(kept.id, kind):
                        return detail
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def suspended(self, module: Module) -> AsyncIterator[None]:
        """A module is suspended, as an operator does it, until the block is left."""
        records, bus, lifecycle = self.gateway.records, self.gateway.bus, self.gateway.lifecycle
        await records.suspend(module, suspended=True)
        await bus.tell(Suspend(module))
        await until(lambda: lifecycle.is_suspended(module))
        try:
            yield
        finally:
            await records.suspend(module, suspended=False)
            await bus.tell(Resume(module))
            await until(lambda: not lifecycle.is_suspended(module))


@asynccontextmanager
async def embedded(
    folder: Path,
    *,
    settings: Mapping[str, str] | None = None,
    groups: str = "",
    routes: Sequence[str] = (),
    beyond: Mapping[str, Mapping[str, float]] | None = None,
) -> AsyncIterator[Embedded]:
    """A gateway that runs until the block is left, with a mail server behind it that takes everything.

    `routes` stand before the one that leads to that server. `beyond` are values that an operator may not
    have, by section and attribute of the settings: those that make a gateway hurry.
    """
    async with smtp_peer() as next_hop:
        if routes:
            all_routes = "\n".join((*routes, f"* [127.0.0.1:{next_hop.port}]"))
            settings = {**(settings or {}), "smtpgw.forward ForwardRoute": all_routes}
        site = make_site(folder, next_hop_port=next_hop.port, settings=settings, groups=groups)
        loaded = _with(load_settings(site.config, site.environment), beyond or {})
        signs = _Signs()
        lifecycle = Lifecycle(signs)
        async with open_gateway(loaded, lifecycle) as gateway, asyncio.TaskGroup() as tasks:
            following = tasks.create_task(follow_commands(gateway))
            services = [tasks.create_task(_run(service, gateway)) for service in SERVICES.values()]
            async with asyncio.timeout(START_SECONDS):
                await signs.all_ready.wait()
            try:
                yield Embedded(site, next_hop, gateway)
            finally:
                lifecycle.stop()
                await asyncio.wait(services)
                following.cancel()


async def _run(service: Run, gateway: Gateway) -> None:
    await service(gateway)


class _Signs(Heartbeat):
    """Hears when all services have begun their work."""

    def __init__(self) -> None:
        super().__init__(None)
        self.all_ready = asyncio.Event()
        self._awaited = set(SERVICES)

    def ready(self, module: str) -> None:
        self._awaited.discard(module)
        if not self._awaited:
            self.all_ready.set()


def _with(settings: Settings, beyond: Mapping[str, Mapping[str, float]]) -> Settings:
    sections = {name: getattr(settings, name).model_copy(update=values) for name, values in beyond.items()}
    return settings.model_copy(update=sections)
