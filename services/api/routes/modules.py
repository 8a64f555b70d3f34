"""What can be suspended."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Depends

from gateway.domain.pipeline import Module
from gateway.operations.modules import resume_module, suspend_module
from gateway.runtime.wiring import Gateway
from services.api.access import Door
from services.api.answers import Effect
from services.api.auditing import AuditedRoute
from services.api.queries import DryRun
from services.api.tokens import Role


@dataclass(frozen=True, slots=True)
class ModuleShown:
    """A module, and whether an operator suspended it."""

    module: Module
    suspended: bool


def module_routes(gateway: Gateway, door: Door) -> APIRouter:
    """`/modules`."""
    router = APIRouter(tags=["modules"], route_class=AuditedRoute)
    see = [Depends(door.open_to(Role.VIEWER))]
    act = [Depends(door.open_to(Role.OPERATOR, written_down=True))]
    bus, records = gateway.bus, gateway.records

    @router.get("/modules", operation_id="list_modules", dependencies=see)
    async def modules() -> list[ModuleShown]:
        """All modules."""
        suspended = await records.suspended()
        return [ModuleShown(module, module in suspended) for module in Module]

    @router.post("/modules/{module}/suspend", operation_id="suspend_module", dependencies=act)
    async def suspend(module: Module, *, dry_run: DryRun = False) -> Effect:
        """Have a module stop its work. `scanning` lets mail through unscanned."""
        changes = module not in await records.suspended()
        if not dry_run:
            await suspend_module(bus, records, module)
        return Effect(int(changes), dry_run)

    @router.post("/modules/{module}/resume", operation_id="resume_module", dependencies=act)
    async def resume(module: Module, *, dry_run: DryRun = False) -> Effect:
        """Have a module go on."""
        changes = module in await records.suspended()
        if not dry_run:
            await resume_module(bus, records, module)
        return Effect(int(changes), dry_run)

    return router
