"""Builds the antispam service and runs it."""

from __future__ import annotations

import sys

from gateway.domain.pipeline import Stage
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
    worker = AntispamWorker(
        gateway.blobs,
        settings.policies,
        rules,
        shipped_bases(),
        version=VERSION,
        licensed=lambda: gateway.licensing.filters_spam,
    )
    await serve(Stage.ANTISPAM, worker, gateway)


if __name__ == "__main__":
    sys.exit(run_service("antispam", run))
