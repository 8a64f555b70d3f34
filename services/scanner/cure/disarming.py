"""Which content is disarmed how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from gateway.domain.kinds import Kind
from services.scanner.cure.archives import made_tar, made_zip
from services.scanner.cure.kinds import HTML, OLD_OFFICE, PDF, SVG, can_disarm, is_office
from services.scanner.cure.markup import disarm_html, disarm_svg
from services.scanner.cure.ole import disarm_ole
from services.scanner.cure.ooxml import disarm_ooxml
from services.scanner.cure.pdf import disarm_pdf
from services.scanner.objects.budget import Budget
from services.scanner.objects.containers import CONTAINERS
from services.scanner.objects.members import Member
from services.scanner.objects.walking import Object, outermost

_DOCUMENTS: Mapping[str, Callable[[bytes], bytes | None]] = MappingProxyType(
    {**dict.fromkeys(OLD_OFFICE, disarm_ole), PDF: disarm_pdf, HTML: disarm_html, SVG: disarm_svg}
)
_MAKERS: Mapping[str, Callable[[Iterable[Member]], bytes]] = MappingProxyType(
    {Kind.ZIP: made_zip, Kind.TAR: made_tar}
)

Place = tuple[int, ...]
"""Of an object inside another, in numbers from 1 on."""


def disarm(found: Object, bad: frozenset[Place], budget: Budget) -> bytes | None:
    """The content of an object without what can do harm; None if there is no way.

    `bad` are the places of what was found in an archive. Its documents and archives are disarmed in their
    turn, everything else of it is left out.
    """
    name = found.names[0] if found.names else ""
    if found.kind in _DOCUMENTS:
        return _DOCUMENTS[found.kind](found.content)
    if is_office(found.kind):
        return disarm_ooxml(found.content, name)
    make = _MAKERS.get(found.kind)
    if make is None or not bad or () in bad:
        return None
    kept = tuple(_kept(found, bad, budget))
    return make(kept) if kept else None


def _kept(archive: Object, bad: frozenset[Place], budget: Budget) -> Iterator[Member]:
    members = CONTAINERS[Kind(archive.kind)](archive.content, budget)
    for number, member in enumerate((one for one in members if isinstance(one, Member)), 1):
        inside = frozenset(place[1:] for place in bad if place[0] == number)
        if not inside:
            yield member
            continue
        inner = outermost(member.content, (member.name,) if member.name else (), member.mime)
        disarmed = disarm(inner, inside - {()}, budget) if can_disarm(inner.kind) else None
        if disarmed is not None and disarmed != member.content:
            yield Member(disarmed, member.name)
