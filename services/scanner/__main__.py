"""Runs the scanner as a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from gateway.bases.catalogue import Family
from gateway.bases.library import Library
from gateway.config.sections.gateway import Engine as EngineName
from gateway.config.settings import Settings
from gateway.domain.pipeline import Stage
from gateway.domain.policy import Policy
from gateway.domain.statistics import Gauge, Took, nobody_times
from gateway.domain.storage import StorageKind, quarantines_in_use
from gateway.runtime.confinement import Bounds
from gateway.runtime.ids import new_id
from gateway.runtime.isolation import IsolationPool
from gateway.runtime.licensing import Licensing
from gateway.runtime.notifying import open_notifier
from gateway.runtime.outages import Outages
from gateway.runtime.process import run_service
from gateway.runtime.readiness import Readiness
from gateway.runtime.serve import serve
from gateway.runtime.templates import DISCLAIMER, PLACEHOLDER, load_template
from gateway.runtime.wiring import Gateway
from gateway.version import VERSION
from services.scanner.engines.clamd import ClamdEngine
from services.scanner.engines.panel import Panel
from services.scanner.engines.port import LocalEngine, RemoteEngine
from services.scanner.engines.signatures import SignatureEngine
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.ichecker import IChecker
from services.scanner.judging import Rules
from services.scanner.look import Means
from services.scanner.looking import Examiner
from services.scanner.objects.budget import Limits
from services.scanner.objects.walking import Opening
from services.scanner.placeholder import Gate
from services.scanner.sealing import sealer_of
from services.scanner.signatures.signatures import SHIPPED, load_signatures
from services.scanner.statistics import open_statistics
from services.scanner.worker import GroupRules, ScannerWorker

NAME = "scanner"

NO_LIMIT_SECONDS = 3600.0
"""`ScanTimeout=0` is no limit; every wait has one all the same, the longest that can be set."""

PATIENCE = 0.8
"""Share of the time of an object after which it is left as it is. What was found by then counts; when its
whole time is over, its process is ended and nothing is known."""


async def run(gateway: Gateway) -> None:
    """Scan mail until the process is told to stop."""
    settings = gateway.settings
    groups = {name: rules_of(policy) for name, policy in settings.policies.items()}
    quarantines = quarantines_in_use(settings.policies.values(), StorageKind.AV_QUARANTINE)
    for storage in (settings.outgoing_archive, *quarantines):
        await gateway.storages.prepare(storage)
    async with AsyncExitStack() as stack:
        outages = await stack.enter_async_context(Outages(gateway.records.outages, new_id()))
        means = await stack.enter_async_context(
            open_means(
                settings,
                outages,
                gateway.licensing,
                took=gateway.metrics.took,
                readiness=gateway.readiness,
                reloaded=lambda: gateway.orders.bases_reloaded,
            )
        )
        statistics = open_statistics(settings.options.av_statistics)
        stack.push_async_callback(statistics.close)
        examiner = Examiner(means, reach=gateway.records.reach)
        gateway.gauges.watch(Gauge.ANTIVIRAL_SESSIONS, lambda: examiner.sessions)
        worker = ScannerWorker(
            gateway.blobs,
            examiner,
            groups,
            Gate(settings.network.hostname, f"Mailwarden {VERSION}"),
            gateway.storages,
            settings.outgoing_archive,
            statistics,
            open_notifier(settings, gateway.blobs, gateway.records),
            count=gateway.records.count,
            sealer=sealer_of(settings.authentication, settings.network.hostname),
        )
        async with gateway.bus.answering(Stage.SCANNER, worker.explain):
            await serve(Stage.SCANNER, worker, gateway)


@asynccontextmanager
async def open_means(
    settings: Settings,
    outages: Outages,
    licensing: Licensing,
    *,
    took: Took = nobody_times,
    readiness: Readiness | None = None,
    reloaded: Callable[[], int] = lambda: 0,
) -> AsyncIterator[Means]:
    """What messages are looked at with. Raises `ConfigError` when something of it cannot be used.

    `readiness` hears of engines that are elsewhere; `reloaded` says how often an operator wanted the
    databases to be read anew.
    """
    timeout = settings.ave.scan_timeout or NO_LIMIT_SECONDS
    async with AsyncExitStack() as stack:
        local: list[LocalEngine] = []
        remote: list[RemoteEngine] = []
        for name in dict.fromkeys(settings.engines.engine):
            match name:
                case EngineName.TESTFILE:
                    local.append(StandardTestFile())
                case EngineName.SIGNATURES:
                    signatures = open_signatures(settings, licensing, reloaded)
                    local.append(await stack.enter_async_context(signatures))
                case EngineName.CLAMD:
                    clamd = stack.enter_context(open_clamd(settings, timeout, outages, took))
                    remote.append(clamd)
                    if readiness is not None:
                        readiness.watch("engines", clamd.reach)
        pool = pool_for(settings)
        stack.push_async_callback(pool.close)
        ichecker = None
        if settings.ave.use_ichecker:
            ichecker = IChecker.open(settings.ichecker_file, settings.engines.remembered_objects)
            stack.callback(ichecker.close)
        yield Means(Panel(local, remote), pool, rules_for(settings, timeout), timeout, ichecker, took)


@asynccontextmanager
async def open_signatures(
    settings: Settings, licensing: Licensing, reloaded: Callable[[], int] = lambda: 0
) -> AsyncIterator[SignatureEngine]:
    """The engine of our own databases, which follows the set in use."""
    place = settings.path.bases_path / Family.ANTIVIRUS
    library = Library(place, SHIPPED, load_signatures, permits=licensing.takes_databases_of)
    await library.open()
    following = asyncio.create_task(library.follow(reloaded))
    try:
        yield SignatureEngine(library)
    finally:
        following.cancel()


@contextmanager
def open_clamd(settings: Settings, timeout: float, outages: Outages, took: Took) -> Iterator[ClamdEngine]:
    """The engine that asks clamd."""
    engine = ClamdEngine(
        settings.engines.clamd_address,
        sessions=settings.limits.antiviral_sessions,
        timeout=timeout,
        official_only=settings.engines.clamd_official_only,
        outages=outages,
        took=took,
    )
    try:
        yield engine
    finally:
        engine.close()


def rules_for(settings: Settings, timeout: float) -> Rules:
    """What is opened, and how much of it."""
    objects = settings.objects
    limits = Limits(
        objects.maximal_depth,
        objects.maximal_objects,
        objects.maximal_object_size << 10,
        objects.maximal_unpacked_size << 10,
        objects.maximal_ratio,
        seconds=timeout * PATIENCE,
    )
    opening = Opening(archives=settings.ave.scan_archives, messages=settings.ave.scan_mail_bases)
    return Rules(settings.ave.cure, opening, limits)


def rules_of(policy: Policy) -> GroupRules:
    """The policy with its templates read. Raises `ConfigError` when one cannot be."""
    return GroupRules(
        policy,
        load_template(policy.placeholder_template, PLACEHOLDER),
        load_template(policy.disclaimer_template, DISCLAIMER),
    )


def pool_for(settings: Settings) -> IsolationPool:
    """Where large messages are examined; more processes than processors would only wait for each other."""
    processes = min(settings.limits.antiviral_sessions, os.cpu_count() or 1)
    return IsolationPool(
        processes=processes,
        bounds=Bounds(memory=settings.objects.isolated_memory << 20),
        preload=("services.scanner.examination", SignatureEngine.__module__),
    )


if __name__ == "__main__":
    sys.exit(run_service(NAME, run))
