"""What would become of a message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import AfterValidator, Field, IPvAnyAddress

from gateway.domain.mail import Envelope, Recipient
from gateway.operations.explaining import CopyExplained, explain
from gateway.runtime.ids import new_id
from gateway.runtime.wiring import Gateway
from services.api.access import Door
from services.api.auditing import AuditedRoute
from services.api.bodies import body_of, takes
from services.api.problems import told
from services.api.queries import Strict, printable
from services.api.tokens import Role

MOST_BYTES = 32 << 20
AT_ONCE = 2
"""Messages that are explained at once: each is in memory, and keeps the stages busy."""

_MESSAGE = takes("message/rfc822", "The message as a client would send it.")

Address = Annotated[str, Field(max_length=320), AfterValidator(printable)]


class Sending(Strict):
    """Who would send the message to whom."""

    sender: Annotated[Address, Field(description="MAIL FROM; empty is the null sender.")] = ""
    recipient: Annotated[list[Address], Field(min_length=1, max_length=100, description="RCPT TO.")]
    client_ip: Annotated[IPvAnyAddress, Field(description="Where it would come from.")]
    helo: Annotated[str, Field(max_length=255), AfterValidator(printable)] = ""


def explain_routes(gateway: Gateway, door: Door, now: Callable[[], datetime]) -> APIRouter:
    """`/explain`."""
    act = [Depends(door.open_to(Role.OPERATOR))]
    router = APIRouter(tags=["explain"], route_class=AuditedRoute, dependencies=act)
    room = asyncio.Semaphore(AT_ONCE)

    @router.post("/explain", operation_id="explain_message", openapi_extra=_MESSAGE, responses=told(413, 415))
    async def explained(request: Request, sending: Annotated[Sending, Query()]) -> Sequence[CopyExplained]:
        """What would become of the message in the body, for each group of recipients, and why.

        Nothing of it is done: nobody gets it, and nothing is kept or counted as mail.
        """
        if room.locked():
            raise HTTPException(
                HTTPStatus.TOO_MANY_REQUESTS, f"{AT_ONCE} are being explained", {"Retry-After": "5"}
            )
        async with room:
            message = await body_of(request, MOST_BYTES, "message/rfc822")
            return await explain(
                gateway.bus,
                gateway.blobs,
                gateway.records,
                gateway.settings,
                message,
                _envelope(sending, now()),
                new_id,
            )

    return router


def _envelope(sending: Sending, at: datetime) -> Envelope:
    return Envelope(
        sender=sending.sender,
        recipients=tuple(Recipient(address) for address in dict.fromkeys(sending.recipient)),
        client_ip=str(sending.client_ip),
        received_at=at,
        helo=sending.helo,
    )
