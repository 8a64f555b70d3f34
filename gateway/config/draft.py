"""A configuration that is read but not yet judged as a whole: what the checks across parameters see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from gateway.config.build import Built
from gateway.config.findings import Place
from gateway.config.sections.policy import MembersSection, PolicySection
from gateway.config.sections.section import Section
from gateway.config.syntax import Read

S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class DraftGroup:
    """A group: whose mail it claims, and its policy, or None while the site's own is incomplete."""

    name: str
    says_whose: bool  # Senders or Recipients are given
    is_known: bool  # ... and could be read, so that they tell whose mail it claims
    members: Built[MembersSection]
    policy: Built[PolicySection]


@dataclass(frozen=True, slots=True)
class Draft:
    """All that is written and could be read. A section that lacks a required parameter has no value."""

    sections: Mapping[type[Section], Built[Section]]
    groups: tuple[DraftGroup, ...]
    main: Place
    read: Read
    is_file: Callable[[Path], bool]

    def value(self, model: type[S]) -> S | None:
        """The section of that model, if it is whole."""
        return cast("S | None", self.sections[model].section)

    def place(self, model: type[Section], attribute: str, element: int = 0) -> Place:
        """Where a parameter is written, or else its section, or else the file."""
        return self.sections[model].place_of(attribute, element)

    def is_written(self, model: type[Section], attribute: str) -> bool:
        """Whether a parameter is given, and well."""
        return attribute in self.sections[model].lines

    @property
    def policies(self) -> tuple[Built[PolicySection], ...]:
        """The policy of the site, then those of the groups."""
        site = cast("Built[PolicySection]", self.sections[PolicySection])
        return (site, *(group.policy for group in self.groups))
