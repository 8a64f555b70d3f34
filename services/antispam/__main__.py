"""Builds the antispam service and runs it."""

from __future__ import annotations

import sys

from gateway.domain.pipeline import Stage
from gateway.domain.storage import StorageKind, quarantines_in_use
from gateway.runtime.notifying import open_notifier
from gateway.runtime.process import run_service
from gateway.runtime.serve import serve
from gateway.runtime.wiring import Gateway
from gateway.version import VERSION
from services.antispam.bases import shipped_bases
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
    worker = AntispamWorker(
        gateway.blobs,
        settings.policies,
        rules,
        shipped_bases(),
        gateway.storages,
        settings.outgoing_archive,
        open_notifier(settings, gateway.blobs, gateway.records),
        version=VERSION,
        count=gateway.records.count,
        licensed=lambda: gateway.licensing.filters_spam,
    )
    await serve(Stage.ANTISPAM, worker, gateway)


if __name__ == "__main__":
    sys.exit(run_service("antispam", run))
