"""Who changed what over the API, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.operations import cursors
from gateway.records.audit import AuditFilter, AuditPlace, AuditRecord
from gateway.records.port import Records

LARGEST_PAGE = 500


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some records of what was done."""

    records: Sequence[AuditRecord]
    next: str | None  # the cursor of the next page; None when this one is the last


async def list_audit(
    records: Records, wanted: AuditFilter, *, cursor: str = "", most: int = 100
) -> AuditPage:
    """At most `most` records that are wanted, behind `cursor` if one is given.

    `ValueError` when the cursor is none of ours.
    """
    behind = AuditPlace(*cursors.read(cursor)) if cursor else None
    most = min(most, LARGEST_PAGE)
    page = await records.audit.page(wanted, behind, most + 1)
    if len(page) <= most:
        return AuditPage(page, None)
    return AuditPage(page[:most], cursors.write(page[most - 1].at, page[most - 1].id))
