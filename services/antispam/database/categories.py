"""The content categories: a hierarchy with names and labels of its own (manual, chapters 4.3.2, 4.3.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.bases.source import BadSource
from gateway.domain.policy import SpamStatus
from services.antispam.database.lines import Line, lines_of

NO_PARENT = "-"

DEEPEST = 8
"""Categories above each other."""

STATUSES: Mapping[str, SpamStatus] = MappingProxyType(
    {
        "spam": SpamStatus.SPAM,
        "probable": SpamStatus.PROBABLE,
        "not-detected": SpamStatus.NOT_DETECTED,
    }
)
"""How a source names the status that a label is for."""

_KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_NAME = re.compile(r"[!-~]+(?: [!-~]+)*")
_COUNTS = MappingProxyType({"yes": True, "no": False})


@dataclass(frozen=True, slots=True)
class Category:
    """What a message can be about."""

    key: str  # what sources call it
    name: str  # what everybody else sees
    parent: str  # key of the one above, "" for none
    counts: bool  # what speaks for it speaks for spam
    labels: Mapping[SpamStatus, str]  # in place of the status's own


class Categories:
    """The list of categories, in the order of its source."""

    def __init__(self, listed: Iterable[Category]) -> None:
        self._by_key = {category.key: category for category in listed}
        self._by_name = {category.name: category for category in self._by_key.values()}

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Category]:
        return iter(self._by_key.values())

    def find(self, key: str) -> Category | None:
        """The category that sources call so."""
        return self._by_key.get(key)

    def with_parents(self, names: Iterable[str]) -> tuple[str, ...]:
        """These categories by their names, each behind those above it, none twice. Unknown names stay."""
        return tuple(dict.fromkeys(name for found in names for name in self._path(found)))

    def label(self, status: SpamStatus, names: Iterable[str]) -> str:
        """The label that categories have of their own for a status; "" when none has one."""
        given = frozenset(self.with_parents(names))
        return next(
            (of.labels[status] for of in self._by_key.values() if of.name in given and status in of.labels),
            "",
        )

    def _path(self, name: str) -> tuple[str, ...]:
        found = self._by_name.get(name)
        if found is None:
            return (name,)
        above = self._by_key.get(found.parent)
        return (*self._path(above.name), name) if above else (name,)


def parse_categories(text: str, origin: str) -> Categories:
    """The categories of a source: `sources/README.md` tells its form. Raises `BadSource`."""
    listed: list[Category] = []
    for line in lines_of(text, origin):
        category = _category(line)
        if any(category.key == other.key or category.name == other.name for other in listed):
            raise line.bad(f"{category.key} ({category.name}) is there already")
        if category.parent and all(category.parent != other.key for other in listed):
            raise line.bad(f"the parent {category.parent!r} does not stand above")
        listed.append(category)
    categories = Categories(listed)
    for category in listed:
        if len(categories.with_parents([category.name])) > DEEPEST:
            raise BadSource(f"{origin}: {category.key} has more than {DEEPEST - 1} categories above it")
    return categories


def _category(line: Line) -> Category:
    if not 4 <= len(line.columns) <= 5:
        raise line.bad("a line is key, parent, counts, name and labels, with one tab between them")
    key, parent, counts, name, *labels = line.columns
    if not _KEY.fullmatch(key):
        raise line.bad(f"{key!r} is no key: small letters, digits and hyphens")
    if counts not in _COUNTS:
        raise line.bad(f"{counts!r} is neither yes nor no")
    if not _NAME.fullmatch(name) or '"' in name:
        raise line.bad(f"{name!r} is no name: printable ASCII without quotation marks")
    return Category(
        key,
        name,
        "" if parent == NO_PARENT else parent,
        _COUNTS[counts],
        MappingProxyType(dict(_label(line, written) for written in labels)),
    )


def _label(line: Line, written: str) -> tuple[SpamStatus, str]:
    status, colon, label = written.partition(": ")
    if not colon or status not in STATUSES or not _NAME.fullmatch(label):
        raise line.bad(f"{written!r} is no label: it is a status of {', '.join(STATUSES)}, colon and text")
    return STATUSES[status], label
