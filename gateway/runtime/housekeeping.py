"""What has to be done besides moving mail: clearing away, releasing what is stored, telling the operator."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from gateway.domain.release import Site
from gateway.runtime.announcing import announce_regularly
from gateway.runtime.releasing import Releaser, release_regularly
from gateway.runtime.retention import bounds_of, prune
from gateway.runtime.sweeping import sweep, sweep_regularly
from gateway.runtime.wiring import Gateway


async def keep_house(gateway: Gateway) -> None:
    """Do it until the process stops. Several processes may do it at once."""
    settings = gateway.settings
    history = timedelta(days=settings.records.history_days)
    audit = timedelta(days=settings.api.audit_days)
    bounds = bounds_of(settings)
    brooms = {
        "mail": lambda now: sweep(gateway.records, gateway.blobs, now, history),
        "audit": lambda now: gateway.records.audit.purge(now - audit),
        "storages": lambda now: prune(gateway.storages, bounds, now),
    }
    whose = Site(settings.groups, settings.network.protected_domains)
    releaser = Releaser(gateway.storages, gateway.blobs, gateway.bus, gateway.records, whose)
    async with asyncio.TaskGroup() as group:
        group.create_task(sweep_regularly(brooms, gateway.lifecycle))
        group.create_task(release_regularly(releaser, gateway.lifecycle))
        group.create_task(announce_regularly(gateway))
