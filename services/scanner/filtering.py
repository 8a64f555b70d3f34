"""The attachment filter: which objects a policy names by their names or types (reference, section 4.4).

    named:    one of the Include masks names it (without any: all attachments are), and no Exclude mask does
    filtered: one of its names is named, or its type is

What a program would do with a file follows from its name, so each name that a reader may see counts. Types
are the declared one and the true one. A file inside an archive filters the whole attachment. There, of the
true type, and of the text of the message itself, only an Include mask speaks: "everything but .doc" means
attachments, as they are called.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gateway.domain.address import matches, matches_any
from gateway.domain.policy import ObjectStatus, Policy
from services.scanner.engines.port import Deletion
from services.scanner.examination import Examination
from services.scanner.judging import Examined, Inside

_OWN_TEXT = ("text/plain", "text/html")
_FOLDERS = re.compile(r"[/\\]")


@dataclass(frozen=True, slots=True)
class Masks:
    """The masks for names, or those for types."""

    include: Sequence[str]
    exclude: Sequence[str]

    def naming(self, text: str, *, implied: bool) -> str:
        """The mask that names `text`, "" when none does; `implied`: without Include masks, all are named."""
        include = self.include or (("*",) if implied and self.exclude else ())
        named = next((mask for mask in include if matches(mask, text)), "")
        return "" if matches_any(self.exclude, text) else named


def with_filtered(examination: Examination, policy: Policy) -> Examination:
    """`examination` in which the objects that `policy` filters have that status, whatever else they are."""
    names = Masks(policy.include_by_name, policy.exclude_by_name)
    types = Masks(policy.include_by_mime, policy.exclude_by_mime)
    if not (names.include or names.exclude or types.include or types.exclude):
        return examination
    objects = tuple(_treated(found, names, types) for found in examination.objects)
    return replace(examination, objects=objects)


def _treated(found: Examined, names: Masks, types: Masks) -> Examined:
    reason = next(_reasons(found, names, types), "")
    if not reason:
        return found
    return replace(
        found,
        status=ObjectStatus.FILTERED,
        cause=reason,
        cured=None,
        deletion=Deletion.BY_POLICY,
        inside=(),  # what is in it is treated as it is
    )


def _reasons(found: Examined, names: Masks, types: Masks) -> Iterator[str]:
    """Why an object is filtered."""
    attached = not _is_own_text(found)
    known_as = found.names or ((found.part.name,) if found.part.name else ())
    yield from _by_name(names, known_as, implied=attached)
    yield from _by_type(types, found.part.content_type, implied=attached)
    yield from _by_type(types, found.kind, implied=False)
    for inside in found.inside:
        for reason in _inside(inside, names, types):
            yield f"{inside.path}: {reason}"


def _inside(inside: Inside, names: Masks, types: Masks) -> Iterator[str]:
    yield from _by_name(names, inside.names, implied=False)
    yield from _by_type(types, inside.mime, implied=False)
    yield from _by_type(types, inside.kind, implied=False)


def _by_name(masks: Masks, names: Iterable[str], *, implied: bool) -> Iterator[str]:
    for name in names:
        base = _FOLDERS.split(name)[-1]
        # Some systems pass over dots and spaces at the end of a name.
        for seen in dict.fromkeys((name, base, base.rstrip(". "))):
            if seen and (mask := masks.naming(seen, implied=implied)):
                yield f"the name {name} matches {mask}"


def _by_type(masks: Masks, mime: str, *, implied: bool) -> Iterator[str]:
    if mime and (mask := masks.naming(mime, implied=implied)):
        yield f"the type {mime} matches {mask}"


def _is_own_text(found: Examined) -> bool:
    """Whether it is what the sender wrote, and no file."""
    part = found.part
    return part.content_type in _OWN_TEXT and not part.name and part.disposition != "attachment"
