"""From what was found and the policy of a group to what becomes of the objects and of the message."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

from gateway.domain import transfer
from gateway.domain.headers import Field, fields, named
from gateway.domain.journey import ScannedObject
from gateway.domain.mail import Edit
from gateway.domain.mime import Part
from gateway.domain.policy import ObjectAction, ObjectStatus, Policy, Status, worst
from gateway.domain.textpart import as_text_part
from services.scanner.engines.port import Deletion
from services.scanner.examination import Examination
from services.scanner.judging import Examined, Inside

_CRLF = b"\r\n"
_EMPTY_LINE = re.compile(rb"(?:(?<=\n)|\A)\r?\n\Z")

MOST_TOLD = 50
"""Objects inside one part that are written down; the part itself says what the worst of them is."""

Describe = Callable[[Examined], str]
"""Says in words what was taken out of the message, for who reads it instead."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """All that a policy makes of what was found in a message."""

    objects: tuple[ScannedObject, ...]  # with what becomes of each
    status: ObjectStatus  # that stands for the message
    quarantined_for: ObjectStatus | None  # a copy is kept
    blocked_for: ObjectStatus | None  # it is not delivered

    @property
    def statuses(self) -> frozenset[Status]:
        """All that was found."""
        return frozenset(found.status for found in self.objects)

    @property
    def changes(self) -> bool:
        """Whether any object does not pass as it is."""
        return any(found.action is not ObjectAction.PASS for found in self.objects)


def treat(examination: Examination, policy: Policy) -> Treatment:
    """What becomes of a message with these findings: for what concerns the whole, one object is enough."""
    objects = decide(examination, policy)
    return Treatment(
        objects,
        _standing_for(objects),
        quarantined_for=_worst_listed(objects, policy.quarantine),
        blocked_for=_worst_listed(objects, policy.block),
    )


def decide(examination: Examination, policy: Policy) -> tuple[ScannedObject, ...]:
    """All objects, with what becomes of each under `policy`; behind each those inside it that are not clean.

    An object that is inside another goes the way of that one.
    """
    decided: list[ScannedObject] = []
    for found in examination.objects:
        action = _action(found, policy)
        part = found.part
        decided.append(
            ScannedObject(
                part.path,
                part.name,
                part.content_type,
                found.size,
                found.status,
                action,
                found.threats,
                found.cause,
                found.kind,
            )
        )
        decided += (_inside(found, inside, action) for inside in _told(found.inside))
    return tuple(decided)


def _standing_for(objects: tuple[ScannedObject, ...]) -> ObjectStatus:
    """The status of a message with these objects."""
    return worst(tuple(found.status for found in objects))


def _worst_listed(objects: tuple[ScannedObject, ...], statuses: Set[Status]) -> ObjectStatus | None:
    """The worst of `statuses` that an object has: for what concerns the whole message, one is enough."""
    listed = tuple(found.status for found in objects if found.status in statuses)
    return worst(listed) if listed else None


def edits_for(
    message: bytes, examination: Examination, objects: tuple[ScannedObject, ...], describe: Describe
) -> tuple[Edit, ...]:
    """The changes of `message` that carry out what was decided for its objects, in order.

    * cure: the content is replaced, in the encoding that the part has.
    * remove: the part goes with its boundary line, so what stays is a multipart still. The first part of a
      multipart that would lose all of them stays as an empty text, and so does a message that is one part.
    * placeholder: header and content of the part become a text. A message, attached ones too, keeps its
      header apart from the fields that describe the content.
    """
    actions = {decided.path: decided.action for decided in reversed(objects)}
    removed = {path for path, action in actions.items() if action is ObjectAction.REMOVE}
    emptied = _first_of_the_emptied(examination.parts, removed)
    edits: list[Edit] = []
    for found in examination.objects:
        part = found.part
        match actions[part.path]:
            case ObjectAction.PASS:
                pass
            case ObjectAction.CURE:
                edits.append(Edit(part.body, part.end, _encoded(found, message)))
            case ObjectAction.REMOVE if part.path in emptied:
                edits += instead(part, message, b"", b"")
            case ObjectAction.REMOVE:
                edits.append(Edit(part.delimiter, part.end))
            case ObjectAction.PLACEHOLDER:
                edits += instead(part, message, *as_text_part(describe(found)))
    return tuple(edits)


def _told(inside: tuple[Inside, ...]) -> list[Inside]:
    """Those that are not clean, or if they are many the first of each status and then as many as are told."""
    bad = [found for found in inside if found.status is not ObjectStatus.CLEAN]
    first = {found.status: place for place, found in reversed(tuple(enumerate(bad)))}
    return [found for place, found in enumerate(bad) if place < MOST_TOLD or place in first.values()]


def _inside(found: Examined, inside: Inside, action: ObjectAction) -> ScannedObject:
    return ScannedObject(
        f"{found.part.path}/{inside.path}",
        inside.names[0] if inside.names else "",
        inside.mime,
        inside.size,
        inside.status,
        action,
        inside.threats,
        inside.cause,
        inside.kind,
    )


def _action(found: Examined, policy: Policy) -> ObjectAction:
    wanted = policy.object_actions.get(found.status, ObjectAction.PASS)
    match found.deletion:
        case Deletion.ALWAYS:
            return ObjectAction.REMOVE
        case Deletion.UNLESS_CURED if wanted is ObjectAction.PASS:
            return ObjectAction.REMOVE
        case _:
            return wanted


def _first_of_the_emptied(parts: tuple[Part, ...], removed: set[str]) -> set[str]:
    """The paths of the first parts of those containers, or of the message, that would keep none."""
    inside: dict[int, list[str]] = {}
    for part in parts:
        inside.setdefault(part.parent, []).append(part.path)
    return {paths[0] for paths in inside.values() if removed.issuperset(paths)}


def _encoded(found: Examined, message: bytes) -> bytes:
    part = found.part
    encoded = transfer.encode(found.cured or b"", part.encoding)
    # The last line stays ended where it was: behind the last part of all there is no boundary to end it.
    ended = message.endswith(b"\n", part.body, part.end) and not encoded.endswith(b"\n")
    return encoded + b"\r\n" if ended else encoded


def instead(part: Part, message: bytes, header: bytes, content: bytes) -> Iterator[Edit]:
    """Replace a part by one of these fields and this content."""
    if part.delimiter < part.start:
        # The last boundary line of a message that was cut off may have no end.
        gap = b"" if message.endswith(b"\n", 0, part.start) else _CRLF
        yield Edit(part.start, part.end, gap + header + _CRLF + content)
        return

    all_fields = fields(message, part.start, part.body)
    described = tuple(Edit(field.start, field.end) for field in all_fields if _is_about_content(field))
    lines_end = part.body - len(_empty_line(message[part.start : part.body]))
    last_kept = _last_kept_byte(message, part.start, lines_end, described)
    gap = b"" if last_kept in (b"", b"\n") else _CRLF
    if header and part.parent < 0 and not any(named(all_fields, "MIME-Version")):
        header = b"MIME-Version: 1.0\r\n" + header
    yield from described
    yield Edit(lines_end, part.end, gap + header + _CRLF + (content + _CRLF if content else b""))


def _is_about_content(field: Field) -> bool:
    return field.name.lower().startswith("content-")


def _empty_line(header: bytes) -> bytes:
    """The empty line that ends a header, if one does."""
    found = _EMPTY_LINE.search(header)
    return found[0] if found else b""


def _last_kept_byte(message: bytes, start: int, end: int, deleted: tuple[Edit, ...]) -> bytes:
    for edit in reversed(deleted):
        if edit.end < end:
            break
        end = edit.start
    return message[max(start, end - 1) : end]
