"""The only place that knows which adapters were chosen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gateway.bases.catalogue import Family
from gateway.bases.shelf import CURRENT
from gateway.blobs.carrying import CarryingBlobs
from gateway.blobs.port import Blobs
from gateway.bus.port import Bus, Inlet
from gateway.config.settings import Settings
from gateway.dns.port import Dns
from gateway.domain.commands import Reload, ReloadBases, Remove, Resume, Suspend, TryAgain
from gateway.domain.errors import ConfigError, TemporaryFailure
from gateway.domain.pipeline import Module
from gateway.domain.statistics import Counter, Took, nobody_times
from gateway.licences.keyring import Keyring
from gateway.licences.revocations import FILE_NAME
from gateway.licences.signers import shipped_signers
from gateway.metrics.metrics import Metrics
from gateway.records.licences import LicenceRecords
from gateway.records.port import Records
from gateway.records.sql import SqlRecords
from gateway.runtime.clock import utc_now
from gateway.runtime.gauging import Gauges
from gateway.runtime.launch import Launch
from gateway.runtime.licensing import Licensing
from gateway.runtime.lifecycle import Lifecycle
from gateway.runtime.orders import MOST, StandingOrders
from gateway.runtime.readiness import Readiness, worlds_of
from gateway.runtime.tracing import Tracer, open_tracer
from gateway.storages.place import Place
from gateway.storages.storages import Storages

log = logging.getLogger(__name__)

STATE_RETRY_SECONDS = 1.0
"""While the records are away, the present state is asked for this often."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """All that a service works with."""

    settings: Settings
    bus: Bus
    blobs: Blobs
    records: Records
    storages: Storages
    lifecycle: Lifecycle
    licensing: Licensing
    orders: StandingOrders = field(default_factory=StandingOrders)
    gauges: Gauges = field(default_factory=Gauges)
    metrics: Metrics = field(default_factory=Metrics)
    readiness: Readiness = field(default_factory=Readiness)
    config: Path | None = None  # the file that the settings come from, if they come from one
    tracer: Tracer | None = None  # None: nothing is traced


@asynccontextmanager
async def open_gateway(
    settings: Settings, lifecycle: Lifecycle, config: Path | None = None, launch: Launch | None = None
) -> AsyncIterator[Gateway]:
    """Open the outside worlds and ask for the present state; a `ConfigError` says which cannot be reached."""
    async with AsyncExitStack() as stack:
        records = await open_records(settings, launch.name if launch else "")
        stack.push_async_callback(records.close)
        kept, place = await open_blobs(settings)
        blobs = CarryingBlobs(kept)
        stack.push_async_callback(blobs.close)
        stack.push_async_callback(place.close)
        bus = await open_bus(settings)
        stack.push_async_callback(bus.close)
        tracer = open_tracer(settings)
        if tracer:
            stack.push_async_callback(tracer.close)
        licensing = open_licensing(settings, records)
        storages = Storages(place, blobs, records)
        gateway = Gateway(
            *(settings, bus, blobs, records, storages, lifecycle, licensing),
            readiness=Readiness(worlds_of(bus, blobs, records), lambda: lifecycle.phase),
            config=config,
            tracer=tracer,
        )
        await licensing.open()
        # Before any mail is taken: what an operator suspended or removed stays so over a restart.
        await _ask_for_the_present_state(gateway)
        yield gateway


async def follow_commands(gateway: Gateway) -> None:
    """Do what operators tell all processes, until cancelled."""
    async with gateway.bus.commands() as commands:
        async for command in commands:
            match command:
                case None:
                    await _ask_for_the_present_state(gateway)
                case Suspend(module):
                    gateway.lifecycle.suspend(Module(module))
                case Resume(module):
                    gateway.lifecycle.resume(Module(module))
                case Remove(mail_ids):
                    gateway.orders.remove(mail_ids)
                case TryAgain():
                    gateway.orders.try_again()
                case ReloadBases():
                    gateway.orders.reload_bases()
                case Reload():
                    gateway.lifecycle.stop()


async def _ask_for_the_present_state(gateway: Gateway) -> None:
    while True:
        try:
            gateway.orders.replace(await gateway.records.removed(MOST))
            gateway.lifecycle.set_suspended(await gateway.records.suspended())
        except TemporaryFailure as trouble:
            log.warning("what operators ordered cannot be read now, asking again: %s", trouble)
            await asyncio.sleep(STATE_RETRY_SECONDS)
        else:
            return


async def open_bus(settings: Settings) -> Bus:
    """The bus of `[gateway.bus] Url`."""
    url = settings.bus.url
    match urlsplit(url).scheme:
        case "embedded":
            from gateway.bus.embedded import EmbeddedBus

            return await EmbeddedBus.open(settings.bus_file)
        case "amqp" | "amqps":
            from gateway.bus.rabbitmq import RabbitBus

            return await RabbitBus.open(url, namespace=settings.bus.namespace)
        case scheme:
            raise ConfigError(f"[gateway.bus] Url: {scheme}: is no bus; use embedded: or amqp://")


async def open_inlet(settings: Settings) -> Inlet:
    """The bus for a command that is a process of its own, whether a gateway runs or not.

    The embedded bus belongs to one process: that one is asked, and when there is none, it is opened here.
    """
    if urlsplit(settings.bus.url).scheme == "embedded":
        from gateway.bus.door import Caller, door_of

        if caller := await Caller.at(door_of(settings.bus_file)):
            return caller
    return await open_bus(settings)


async def open_blobs(settings: Settings) -> tuple[Blobs, Place]:
    """The place for bodies of `[gateway.blobs] Url`, and that for the files of storages.

    Storages lie in the directories that are named for them, or in the bucket that has the bodies.
    """
    url = urlsplit(settings.blobs.url)
    match url.scheme:
        case "file":
            from gateway.blobs.directory import DirectoryBlobs
            from gateway.storages.directory import DirectoryPlace

            return DirectoryBlobs(Path(unquote(url.path))), DirectoryPlace()
        case "s3":
            from gateway.blobs.s3 import open_s3
            from gateway.storages.bucket import BucketPlace

            blobs = settings.blobs
            bucket = await open_s3(url.netloc, url.path.strip("/"), blobs.endpoint, blobs.region)
            return bucket, BucketPlace(bucket)
        case scheme:
            raise ConfigError(f"[gateway.blobs] Url: {scheme}: is no place for bodies; use file:// or s3://")


async def open_records(settings: Settings, launch: str = "") -> SqlRecords:
    """The records of `[gateway.records] Url`, as a process of that launch of the gateway if there is one."""
    url = settings.records.url
    match urlsplit(url).scheme:
        case "sqlite":
            from gateway.records.sqlite import open_sqlite

            path = Path("/", unquote(urlsplit(url).path).lstrip("/"))
            return await open_sqlite(path, launch=launch)
        case "postgresql":
            from gateway.records.postgres import open_postgres

            return await open_postgres(url, launch=launch)
        case scheme:
            raise ConfigError(
                f"[gateway.records] Url: {scheme}: is no database; use sqlite:/// or postgresql://"
            )


def open_dns(
    settings: Settings,
    count: Callable[[Counter], None],
    *,
    took: Took = nobody_times,
    validating: bool = False,
) -> Dns:
    """The DNS client of a process that asks for names, as `[smtpgw.resolve]` and `[gateway.dns]` say.

    `count` hears what the statistics count, `took` how long answers take. `validating`: the servers
    validate, and are believed in that.
    """
    from gateway.dns.client import AresDns, Asking

    resolve = settings.resolve
    asking = Asking(
        servers=tuple(str(server) for server in settings.dns.server),
        timeout=resolve.io_network_timeout,
        unresolved_ttl=resolve.unresolved_ttl,
        address_purge=resolve.ip_cache_refresh_period,
        exchange_purge=resolve.mx_cache_refresh_period,
        unresolved_purge=resolve.unresolved_cache_refresh_period,
    )
    if validating:
        from gateway.dns.validating import ValidatingDns

        return ValidatingDns(asking, count=count, took=took)
    if resolve.internal_recursion_enabled:
        from gateway.dns.recursing import RecursingDns

        return RecursingDns(asking, most_steps=resolve.internal_recursions_limit, count=count, took=took)
    return AresDns(asking, count=count, took=took)


def open_licensing(settings: Settings, records: SqlRecords) -> Licensing:
    """What the keys of the site, which lie in the records, come to."""
    keyring = Keyring(LicenceRecords(records.database), shipped_signers(), lambda: utc_now().date())
    shelves = (settings.path.bases_path / family / CURRENT for family in Family)
    lists = [folder / FILE_NAME for folder in (settings.path.license_path, *shelves)]
    return Licensing(keyring, settings.path.license_path, lists)
