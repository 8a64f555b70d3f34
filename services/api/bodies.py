"""What comes in the body of a request: of one type, and no larger than it may be."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import HTTPException, Request


def takes(content_type: str, description: str) -> dict[str, Any]:
    """For the description of a route: that its body is of this type."""
    schema = {"type": "string", "description": description}
    return {"requestBody": {"required": True, "content": {content_type: {"schema": schema}}}}


PLAIN = takes("text/plain", "The content of the file.")


async def body_of(request: Request, most: int, content_type: str) -> bytes:
    """The whole body.

    A page of another site can send some types without being asked by the browser; no route that takes them
    lets in who has no token in a header of its own, which such a page cannot send.
    """
    given = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if given != content_type:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body has to be {content_type}")
    gathered = bytearray()
    async for piece in request.stream():
        gathered += piece
        if len(gathered) > most:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {most} bytes are taken here")
    return bytes(gathered)
