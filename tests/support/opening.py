"""Takes contents apart as the scanner does, for tests that ask what came out."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.domain.policy import ObjectStatus
from services.scanner.objects.budget import Budget, Limits
from services.scanner.objects.walking import Object, Opening, outermost, walk


def all_inside(content: bytes, limits: Limits | None = None, *, mime: str = "") -> tuple[Object, ...]:
    """The content and everything inside it."""
    return tuple(walk(outermost(content, (), mime), Opening(), Budget(limits or Limits())))


def contents(found: Iterable[Object]) -> dict[str, bytes]:
    """The content of each object by its path, of those that could be had."""
    return {one.path: one.content for one in found if not one.faults}


def faults(found: Iterable[Object]) -> list[tuple[str, ObjectStatus, str]]:
    """Path, status and cause of all that could not be looked at."""
    return [(one.path, fault.status, fault.cause) for one in found for fault in one.faults]
