"""What openers give: the members of a container, and what they could not give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway.domain.policy import ObjectStatus
from services.scanner.objects.budget import Budget

LONGEST_NAME = 255
"""Characters of a name that are kept."""


@dataclass(frozen=True, slots=True)
class Member:
    """One object inside a container."""

    content: bytes
    name: str = ""  # as the container calls it, with its folders
    mime: str = ""  # as the container declares it
    other_names: tuple[str, ...] = ()  # that other readers would give it
    in_the_midst: bool = False  # of another container, which may have given it already


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that nobody looked at, and why."""

    status: ObjectStatus
    cause: str
    name: str = ""  # of a member; "": it is about the container


def protected(name: str = "", cause: str = "encrypted") -> Fault:
    """What needs a password, or a key."""
    return Fault(ObjectStatus.PROTECTED, cause, name)


def damaged(cause: str, name: str = "") -> Fault:
    """What could not be read."""
    return Fault(ObjectStatus.ERROR, cause, name)


Opener = Callable[[bytes, Budget], Iterator[Member | Fault]]
"""Takes a content apart. Asks the budget for room before it makes large things; whoever gets the members
counts them. It may raise `Exceeded`, and for a damaged content anything that its library raises."""


def readable(name: str) -> str:
    """A name that can stand in a path, a log or a record: one line, no half characters, of bounded length."""
    clean = name[:LONGEST_NAME].encode("utf-8", "replace").decode("utf-8")
    return "".join(character if character.isprintable() else "�" for character in clean)


def decoded_name(raw: bytes, charset: str = "cp437") -> str:
    """A name in bytes of which nobody says the charset: UTF-8 where it can be."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode(charset, "replace")
