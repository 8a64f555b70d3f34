"""How the gateway is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from fastapi import APIRouter, Depends

from gateway.config.settings import Settings
from gateway.operations.status import GatewayStatus, status_of_gateway
from gateway.operations.storages import storages_of
from gateway.runtime.wiring import Gateway
from services.api.access import Door
from services.api.auditing import AuditedRoute
from services.api.tokens import Role


def status_routes(gateway: Gateway, door: Door, now: Callable[[], datetime]) -> APIRouter:
    """`/status`."""
    router = APIRouter(tags=["status"], route_class=AuditedRoute)
    bases = gateway.settings.path.bases_path
    folders = (gateway.settings.smtpgw_path.queue_path, *_storages(gateway.settings), bases)

    @router.get("/status", operation_id="get_status", dependencies=[Depends(door.open_to(Role.VIEWER))])
    async def status() -> GatewayStatus:
        """How much mail is where, what is suspended, missing or out of order, the licence, the databases."""
        licence = gateway.licensing.standing
        return await status_of_gateway(gateway.bus, gateway.records, licence, now(), bases, folders)

    return router


def _storages(settings: Settings) -> list[Path]:
    return [Path(storage.path) for storage in storages_of(settings)]
