"""Runs the scanner as a process of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType

from gateway.config.sections.gateway import Engine as EngineName
from gateway.config.settings import Settings
from gateway.domain.errors import ConfigError
from gateway.domain.pipeline import Stage
from gateway.domain.policy import Policy
from gateway.domain.storage import StorageKind, quarantines_in_use
from gateway.runtime.confinement import Bounds
from gateway.runtime.isolation import IsolationPool
from gateway.runtime.notifying import open_notifier
from gateway.runtime.process import run_service
from gateway.runtime.serve import serve
from gateway.runtime.templates import PLACEHOLDER, load_template
from gateway.runtime.wiring import Gateway
from gateway.version import VERSION
from services.scanner.engines.port import Engine, together
from services.scanner.engines.testfile import StandardTestFile
from services.scanner.judging import Rules
from services.scanner.looking import Examiner
from services.scanner.objects.budget import Limits
from services.scanner.objects.walking import Opening
from services.scanner.placeholder import Gate
from services.scanner.statistics import open_statistics
from services.scanner.worker import GroupRules, ScannerWorker

NAME = "scanner"

NO_LIMIT_SECONDS = 3600.0
"""`ScanTimeout=0` is no limit; every wait has one all the same, the longest that can be set."""

PATIENCE = 0.8
"""Share of the time of an object after which it is left as it is. What was found by then counts; when its
whole time is over, its process is ended and nothing is known."""

ENGINES: Mapping[EngineName, Callable[[], Engine]] = MappingProxyType({EngineName.TESTFILE: StandardTestFile})


async def run(gateway: Gateway) -> None:
    """Scan mail until the process is told to stop."""
    settings = gateway.settings
    engines = tuple(open_engine(name) for name in settings.engines.engine)
    groups = {name: rules_of(policy) for name, policy in settings.policies.items()}
    quarantines = quarantines_in_use(settings.policies.values(), StorageKind.AV_QUARANTINE)
    for storage in (settings.outgoing_archive, *quarantines):
        await gateway.storages.prepare(storage)
    pool = pool_for(settings)
    timeout = settings.ave.scan_timeout or NO_LIMIT_SECONDS
    examiner = Examiner(pool, engines, rules_for(settings, timeout), timeout=timeout)
    statistics = open_statistics(settings.options.av_statistics)
    worker = ScannerWorker(
        gateway.blobs,
        examiner,
        groups,
        together(engine.bases for engine in engines),
        Gate(settings.network.hostname, f"Mailwarden {VERSION}"),
        gateway.storages,
        settings.outgoing_archive,
        statistics,
        open_notifier(settings, gateway.blobs, gateway.records),
    )
    try:
        await serve(Stage.SCANNER, worker, gateway)
    finally:
        await statistics.close()
        await pool.close()


def open_engine(name: EngineName) -> Engine:
    """The engine of that name. Raises `ConfigError` when this gateway has none."""
    if name not in ENGINES:
        known = ", ".join(ENGINES)
        raise ConfigError(f"[gateway.engines] Engine: {name} cannot be used here; use one of: {known}")
    return ENGINES[name]()


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
    return GroupRules(policy, load_template(policy.placeholder_template, PLACEHOLDER))


def pool_for(settings: Settings) -> IsolationPool:
    """Where large messages are examined; more processes than processors would only wait for each other."""
    processes = min(settings.limits.antiviral_sessions, os.cpu_count() or 1)
    return IsolationPool(
        processes=processes,
        bounds=Bounds(memory=settings.objects.isolated_memory << 20),
        preload=("services.scanner.examination", StandardTestFile.__module__),
    )


if __name__ == "__main__":
    sys.exit(run_service(NAME, run))
