"""Infected members out of archives: a new archive of what stays.

It holds what was taken out of the old one and looked at, and nothing else: no gaps, no second directory.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable

from services.scanner.objects.members import Member


def made_zip(members: Iterable[Member]) -> bytes:
    """A ZIP archive of these."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, member in enumerate(members, 1):
            archive.writestr(zipfile.ZipInfo(_name(member, number)), member.content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def made_tar(members: Iterable[Member]) -> bytes:
    """A tar archive of these."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number, member in enumerate(members, 1):
            entry = tarfile.TarInfo(_name(member, number))
            entry.size = len(member.content)
            archive.addfile(entry, io.BytesIO(member.content))
    return made.getvalue()


def _name(member: Member, number: int) -> str:
    """Without the ways out of a folder that a name may have."""
    steps = member.name.replace("\\", "/").encode("utf-8", "replace").decode().split("/")
    return "/".join(step for step in steps if step not in ("", ".", "..")) or str(number)
