"""What can be disarmed: the part of the cure that the service itself knows, without any of its libraries."""

from __future__ import annotations

from gateway.domain.kinds import Kind

OLD_OFFICE = frozenset(
    {"application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint", str(Kind.OLE)}
)
HTML, SVG, PDF = "text/html", "image/svg+xml", str(Kind.PDF)
ARCHIVES = (Kind.ZIP, Kind.TAR)

_OFFICE = "application/vnd.openxmlformats-officedocument."
_WITH_MACROS = tuple(f"application/vnd.ms-{program}." for program in ("word", "excel", "powerpoint"))


def can_disarm(kind: str) -> bool:
    """Whether there is a cure for objects of that true type."""
    return kind in OLD_OFFICE or kind in (HTML, SVG, PDF, *ARCHIVES) or is_office(kind)


def is_office(kind: str) -> bool:
    """Whether it is an Office document of the XML kind."""
    return kind.startswith(_OFFICE) or (kind.startswith(_WITH_MACROS) and "macroenabled" in kind)
