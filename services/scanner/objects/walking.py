"""Goes through an object and all that is inside it, to any depth, within a budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from gateway.domain.filetypes import true_type
from gateway.domain.kinds import Found, Kind, kinds_of
from gateway.domain.mime import MESSAGES
from gateway.domain.policy import ObjectStatus
from services.scanner.objects.budget import Budget, Exceeded
from services.scanner.objects.containers import ALWAYS, CONTAINERS, MAIL, NO_OPENER
from services.scanner.objects.members import Fault, Member, damaged, readable

LONGEST_CAUSE = 200
"""Characters of what an opener raised that are kept."""

MOST_FAULTS = 100
"""Faults of one container that are kept; more say nothing new."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Which containers are opened (`ScanArchives`, `ScanMailBases`)."""

    archives: bool = True
    messages: bool = True

    def allows(self, kind: Kind) -> bool:
        """Whether a container of that kind is opened."""
        if kind in ALWAYS:
            return True
        return self.messages if kind in MAIL else self.archives


@dataclass(frozen=True, slots=True)
class Object:
    """One object, or the place of one that cannot be had."""

    path: str  # from the object that was opened on: "" is that one itself, then "inner.zip/folder/a.exe"
    place: tuple[int, ...]  # the same in numbers, from 1 on, of each container's members in their order
    names: tuple[str, ...]  # that readers give it, the first as the container has it; none: it has no name
    mime: str  # as it is declared, "" when nobody does
    content: bytes
    found: tuple[Found, ...] = ()  # what it can be opened as
    faults: tuple[Fault, ...] = ()

    @property
    def kind(self) -> str:
        """Its true type, "" when its content does not tell."""
        return true_type(self.content, self.found)


def outermost(content: bytes, names: tuple[str, ...] = (), mime: str = "") -> Object:
    """An object with nothing around it."""
    return Object("", (), names, mime, content, _found(content, mime))


def opens(outer: Object, opening: Opening) -> bool:
    """Whether `walk` will take the object apart."""
    return any(opening.allows(found.kind) for found in outer.found)


@dataclass(slots=True)
class _Level:
    """A container that is open: what comes out of it, and what is known of it."""

    container: Object
    members: Iterator[Member | Fault]
    number: int = 0
    faults: list[Fault] = field(default_factory=list)


def walk(outer: Object, opening: Opening, budget: Budget) -> Iterator[Object]:
    """The object itself, then all that comes out of it, each before what it holds. Never raises.

    What could not be looked at comes as an object of its own with faults and without content: where a
    member should have been, or once more at the place of a container that could not be read to its end.
    """
    budget.begin(len(outer.content))
    yield outer
    levels = [_Level(outer, _members(outer, opening, budget))]
    opened = {_digest(outer.content)}
    seen: set[tuple[bytes, str]] = set()
    while levels:
        level = levels[-1]
        try:
            member = next(level.members, None)
            if isinstance(member, Member):
                budget.spend(len(member.content))
        except Exceeded as reached:
            yield _faulty(level.container, damaged(str(reached)))
            return
        match member:
            case None:
                levels.pop()
            case Fault():
                yield from _noted(level, member)
            case Member():
                digest = _digest(member.content)
                if member.in_the_midst and (digest, member.name) in seen:
                    continue
                seen.add((digest, member.name))
                level.number += 1
                inner = _inside(level, member)
                yield inner
                if not opens(inner, opening):
                    continue
                refusal = _refusal(levels, inner, budget)
                if refusal:
                    yield _faulty(inner, refusal)
                elif digest not in opened:
                    # The same container once more would only show the same once more.
                    opened.add(digest)
                    levels.append(_Level(inner, _members(inner, opening, budget)))


def _found(content: bytes, mime: str) -> tuple[Found, ...]:
    found = kinds_of(content)
    # What is declared counts where no bytes tell; a multipart comes here only if it was encoded as a whole.
    is_message = mime in MESSAGES or mime.startswith("multipart/")
    if is_message and all(one.kind is not Kind.MESSAGE for one in found):
        return (Found(Kind.MESSAGE), *found)
    return found


def _inside(level: _Level, member: Member) -> Object:
    container = level.container
    return Object(
        _path(container, readable(member.name) or str(level.number)),
        (*container.place, level.number),
        tuple(name for name in (member.name, *member.other_names) if name),
        member.mime,
        member.content,
        _found(member.content, member.mime),
    )


def _path(container: Object, name: str) -> str:
    return f"{container.path}/{name}" if container.path and name else container.path or name


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()


def _refusal(levels: list[_Level], inner: Object, budget: Budget) -> Fault | None:
    """Why a container is not opened."""
    if any(level.container.content == inner.content for level in levels):
        return damaged("contains itself")
    if len(levels) >= budget.limits.depth:
        return damaged(f"more than {budget.limits.depth} containers inside each other")
    return None


def _noted(level: _Level, fault: Fault) -> Iterator[Object]:
    if len(level.faults) < MOST_FAULTS and fault not in level.faults:
        level.faults.append(fault)
        yield _faulty(level.container, fault)


def _faulty(container: Object, fault: Fault) -> Object:
    names = (fault.name,) if fault.name else ()
    return Object(_path(container, readable(fault.name)), container.place, names, "", b"", (), (fault,))


def _members(container: Object, opening: Opening, budget: Budget) -> Iterator[Member | Fault]:
    """What comes out of a container, as all that it can be opened as."""
    explained = any(one.start == 0 for one in container.found)
    for one in container.found:
        if not opening.allows(one.kind):
            continue
        if one.start:
            members = _opened(one.kind, container.content[one.start :], budget)
            yield from _shreds(members) if explained else _if_it_is_one(members)
        else:
            yield from _opened(one.kind, container.content, budget)


def _opened(kind: Kind, content: bytes, budget: Budget) -> Iterator[Member | Fault]:
    if kind in NO_OPENER:
        yield damaged(f"no way to open {NO_OPENER[kind]}")
        return
    try:
        yield from CONTAINERS[kind](content, budget)
    except Exceeded:
        raise
    except MemoryError:
        yield damaged(f"{kind}: not enough memory")
    except Exception as error:  # libraries raise anything for hostile bytes, and it is no fault of ours
        yield damaged(f"{kind}: {type(error).__name__}: {error}"[:LONGEST_CAUSE])


def _if_it_is_one(members: Iterator[Member | Fault]) -> Iterator[Member | Fault]:
    """What comes out of something that looks like a container in the midst of other bytes.

    Every program that knows archives holds their marks, so it counts as damaged only if it gave anything.
    """
    is_one = False
    for member in members:
        is_one = is_one or not _is_damage(member)
        if is_one:
            yield member


def _shreds(members: Iterator[Member | Fault]) -> Iterator[Member | Fault]:
    """The same in a container of another kind, whose members may stand there whole or in shreds."""
    for member in members:
        if isinstance(member, Member):
            yield replace(member, in_the_midst=True)
        elif not _is_damage(member):
            yield member


def _is_damage(member: Member | Fault) -> bool:
    return isinstance(member, Fault) and member.status is ObjectStatus.ERROR
