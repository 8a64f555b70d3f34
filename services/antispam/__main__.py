"""Builds the antispam service and runs it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.bases.catalogue import Family
from gateway.bases.library import Library
from gateway.domain.pipeline import Stage
from gateway.domain.storage import StorageKind, quarantines_in_use
from gateway.runtime.licensing import Licensing
from gateway.runtime.notifying import open_notifier
from gateway.runtime.process import run_service
from gateway.runtime.serve import serve
from gateway.runtime.wiring import Gateway
from gateway.version import VERSION
from services.antispam.database.database import SHIPPED, Database, load_database
from services.antispam.worker import AntispamWorker, Rules


async def run(gateway: Gateway) -> None:
    """Analyse mail until the process stops."""
    settings = gateway.settings
    rules = Rules(
        degree=settings.antispam.spam_detection,
        max_size=settings.antispam.max_size * 1024,
        timeout=settings.antispam.timeout,
    )
    quarantines = quarantines_in_use(settings.policies.values(), StorageKind.AS_QUARANTINE)
    for storage in (settings.outgoing_archive, *quarantines):
        await gateway.storages.prepare(storage)
    async with opened_database(settings.path.bases_path, gateway.licensing) as library:
        worker = AntispamWorker(
            gateway.blobs,
            settings.policies,
            rules,
            lambda: library.current.content,
            gateway.storages,
            settings.outgoing_archive,
            open_notifier(settings, gateway.blobs, gateway.records),
            version=VERSION,
            count=gateway.records.count,
            licensed=lambda: gateway.licensing.filters_spam,
        )
        await serve(Stage.ANTISPAM, worker, gateway)


@asynccontextmanager
async def opened_database(bases: Path, licensing: Licensing) -> AsyncIterator[Library[Database]]:
    """The content database, which follows the set in use."""
    place = bases / Family.ANTISPAM
    library = Library(place, SHIPPED, load_database, permits=licensing.takes_databases_of)
    await library.open()
    following = asyncio.create_task(library.follow())
    try:
        yield library
    finally:
        following.cancel()


if __name__ == "__main__":
    sys.exit(run_service("antispam", run))
