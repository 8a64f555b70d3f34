"""Builds the antispam service and runs it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from gateway.bases.catalogue import Family
from gateway.bases.library import Library
from gateway.config.settings import Settings
from gateway.domain.pipeline import Stage
from gateway.domain.storage import StorageKind, quarantines_in_use
from gateway.runtime.blocklists import BlockLists
from gateway.runtime.ids import new_id
from gateway.runtime.isolation import IsolationPool
from gateway.runtime.licensing import Licensing
from gateway.runtime.notifying import open_notifier
from gateway.runtime.outages import Outages
from gateway.runtime.process import run_service
from gateway.runtime.serve import serve
from gateway.runtime.wiring import Gateway, open_dns
from gateway.version import VERSION
from services.antispam.analysis import Analyst, Rules
from services.antispam.database.database import SHIPPED, Database, load_database
from services.antispam.knowledge import Knowledge
from services.antispam.learning.learner import Learner
from services.antispam.listings import NO_LISTS, Listings
from services.antispam.reader import MessageReader
from services.antispam.reading.reading import read_sheet
from services.antispam.worker import AntispamWorker

MOST_PROCESSES = 2
"""Processes that read what is not read on the spot: few messages are of that sort."""

READING = read_sheet.__module__


async def run(gateway: Gateway) -> None:
    """Analyse mail until the process stops."""
    settings = gateway.settings
    quarantines = quarantines_in_use(settings.policies.values(), StorageKind.AS_QUARANTINE)
    for storage in (settings.outgoing_archive, *quarantines):
        await gateway.storages.prepare(storage)
    async with AsyncExitStack() as stack:
        library = await stack.enter_async_context(
            opened_database(
                settings.path.bases_path, gateway.licensing, lambda: gateway.orders.bases_reloaded
            )
        )
        pool = IsolationPool(processes=min(MOST_PROCESSES, os.cpu_count() or 1), preload=(READING,))
        stack.push_async_callback(pool.close)
        reader = MessageReader(gateway.blobs, pool)
        learner = Learner(
            gateway.records.lessons,
            lambda message: reader.read_content(message, settings.antispam.timeout),
        )
        stack.callback(asyncio.create_task(learner.follow()).cancel)
        listings = await stack.enter_async_context(opened_lists(gateway))
        analyst = Analyst(
            reader,
            rules_for(settings),
            lambda: Knowledge(library.current.content, learner.learned),
            listings=listings,
            count=gateway.records.count,
        )
        worker = AntispamWorker(
            analyst,
            settings.policies,
            settings.antispam.spam_detection,
            gateway.storages,
            settings.outgoing_archive,
            open_notifier(settings, gateway.blobs, gateway.records),
            version=VERSION,
            count=gateway.records.count,
            licensed=lambda: gateway.licensing.filters_spam,
        )
        async with gateway.bus.answering(Stage.ANTISPAM, worker.explain):
            await serve(Stage.ANTISPAM, worker, gateway)


def rules_for(settings: Settings) -> Rules:
    """What is looked at, and for how long."""
    return Rules(
        max_size=settings.antispam.max_size << 10,
        timeout=settings.antispam.timeout,
        our_domains=settings.network.protected_domains,
    )


@asynccontextmanager
async def opened_lists(gateway: Gateway) -> AsyncIterator[Listings]:
    """The black lists that are asked; DNS is only spoken with if there are any."""
    asked = gateway.settings.antispam
    if not (asked.dns_black_list or asked.dns_domain_black_list):
        yield NO_LISTS
        return
    async with AsyncExitStack() as stack:
        dns = open_dns(gateway.settings, gateway.records.count, took=gateway.metrics.took)
        stack.push_async_callback(dns.close)
        outages = await stack.enter_async_context(Outages(gateway.records.outages, new_id()))
        clients = BlockLists(asked.dns_black_list, dns, outages)
        domains = BlockLists(asked.dns_domain_black_list, dns, outages)
        stack.push_async_callback(clients.close)
        stack.push_async_callback(domains.close)
        yield Listings(clients, domains)


@asynccontextmanager
async def opened_database(
    bases: Path, licensing: Licensing, reloaded: Callable[[], int] = lambda: 0
) -> AsyncIterator[Library[Database]]:
    """The content database, which follows the set in use, and is read anew as often as `reloaded` says."""
    place = bases / Family.ANTISPAM
    library = Library(place, SHIPPED, load_database, permits=licensing.takes_databases_of)
    await library.open()
    following = asyncio.create_task(library.follow(reloaded))
    try:
        yield library
    finally:
        following.cancel()


if __name__ == "__main__":
    sys.exit(run_service("antispam", run))
