"""tar archives of all sorts (POSIX.1-2001, GNU, and the old ones)."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

from services.scanner.objects.budget import Budget
from services.scanner.objects.members import Fault, Member, damaged

_BLOCK = 512


def open_tar(content: bytes, budget: Budget) -> Iterator[Member | Fault]:
    """All files. What a link points to is a name, and no content."""
    # Past a block of zeros some readers go on.
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:", ignore_zeros=True, encoding="utf-8") as archive:
        end = 0
        while entry := archive.next():
            budget.check_time()
            if entry.issparse():
                yield damaged("a sparse file", entry.name)
                continue
            if not entry.isreg():
                continue
            if entry.size > budget.room:
                yield damaged(budget.refuse(entry.size), entry.name)
                continue
            end = entry.offset_data + entry.size
            yield Member(content[entry.offset_data : end], entry.name)
            if end > len(content):
                yield damaged("it ends too early", entry.name)
        if archive.offset + _BLOCK < len(content) and content[archive.offset :].strip(b"\0"):
            yield damaged("a header cannot be read")
