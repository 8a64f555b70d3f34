"""What the API says of itself, for who makes a client of it (OpenAPI 3.1).

`docs/reference/openapi.json` has it; a test holds the two together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.version import VERSION
from services.api.problems import MEANINGS
from services.api.tokens import Role

ABOUT = (
    "The control plane of the mail gateway. Everything but health needs a token, as `Authorization: Bearer`. "
    "Lists are paged: `next` of a page is the `cursor` of the one behind it, null on the last. Every call "
    "that changes something can be a dry run. Errors are problem documents (RFC 9457). What comes from mail "
    "is text as its sender wrote it: whoever shows it escapes it."
)

FOR_ALL = (401, 403, 422, 429, 500, 503)
"""Problems that every call with a token has."""

_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457). Its type is `about:blank`: the status says what it is.",
    "required": ["title", "status"],
    "properties": {
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What exactly, for who reads it."},
        "findings": {
            "type": "array",
            "description": "All that is wrong with a configuration.",
            "items": {"type": "string"},
        },
    },
    "example": {"title": "Not Found", "status": 404, "detail": "no mail of this id is known"},
}
_AS_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_OWN_SCHEMAS = ("HTTPValidationError", "ValidationError")  # of the framework: ours are problems


def describe(app: FastAPI, roles: Mapping[str, Role]) -> dict[str, Any]:
    """The description of `app`, made once; `roles` are those that operations need."""
    if not app.openapi_schema:
        description = get_openapi(title="Mailwarden", version=VERSION, description=ABOUT, routes=app.routes)
        app.openapi_schema = _described(description, roles)
    return app.openapi_schema


def _described(description: dict[str, Any], roles: Mapping[str, Role]) -> dict[str, Any]:
    for path, operation in _operations(description):
        responses = operation["responses"]
        responses.pop("422", None)
        needs_token = path.startswith("/v1/")
        for status in FOR_ALL if needs_token else (500,):
            responses.setdefault(str(status), {})
        for status, response in responses.items():
            if int(status) >= 400 and not _is_own(response):
                response["description"] = MEANINGS[int(status)]
                response["content"] = _AS_PROBLEM
        operation["responses"] = dict(sorted(responses.items()))
        if role := roles.get(operation["operationId"]):
            operation["x-role"] = role
    schemas = description["components"]["schemas"]
    for name in _OWN_SCHEMAS:
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    description["components"]["schemas"] = dict(sorted(schemas.items()))
    return description


def _operations(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for operation in methods.values():
            yield path, operation


def _is_own(response: dict[str, Any]) -> bool:
    """Whether a route says itself what it answers with, as health does."""
    return "application/json" in response.get("content", {})


def as_text(description: dict[str, Any]) -> str:
    """The description as the file has it."""
    return json.dumps(description, indent=1, ensure_ascii=False) + "\n"
