"""The lines of a configuration under the sections and parameters that they speak of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import get_origin

from gateway.config.environment import Overridable
from gateway.config.findings import Finding, Place, warning
from gateway.config.names import parameter_name
from gateway.config.sections.policy import MembersSection, PolicySection
from gateway.config.sections.section import Section
from gateway.config.settings import SECTION_OF_GROUP, SECTIONS
from gateway.config.syntax import Heading, Line

_GROUP_NAME = re.compile(r"[^\s\[\]<>\",;=]{1,64}")

_MODELS: Mapping[str, tuple[type[Section], ...]] = {model.heading: (model,) for model in SECTIONS.values()}

# The manual names this parameter once in the wrong section.
_ELSEWHERE = {("smtpgw.forward", "ProtectedDomains"): "smtpgw.network"}


@dataclass(frozen=True, slots=True)
class Written:
    """What stands in one section: the lines of each parameter, by its attribute."""

    heading: str
    place: Place
    lines: Mapping[str, tuple[Line, ...]]


def models_of(section: str) -> tuple[type[Section], ...]:
    """The models whose parameters a section may have; none for an unknown section."""
    if section.startswith(SECTION_OF_GROUP):
        named = _GROUP_NAME.fullmatch(section.removeprefix(SECTION_OF_GROUP))
        return (MembersSection, PolicySection) if named else ()
    return _MODELS.get(section, ())


@lru_cache(maxsize=1024)
def attributes_of(section: str) -> Mapping[str, str]:
    """The attribute of each parameter that a section may have, by its name."""
    return {
        parameter_name(attribute): attribute
        for model in models_of(section)
        for attribute in model.model_fields
    }


def is_repeated(model: type[Section], attribute: str) -> bool:
    """Whether the lines of a parameter are a list."""
    return get_origin(model.model_fields[attribute].annotation) is tuple


def holds_url(line: Line) -> bool:
    """Whether the value may be a URL: of the gateway's own sections, all that is no list may."""
    if (line.section, line.parameter) == ("updater.options", "UpdateServerUrl"):
        return True
    if not line.section.startswith("gateway."):
        return False
    attribute = attributes_of(line.section).get(line.parameter)
    return attribute is None or not is_repeated(models_of(line.section)[0], attribute)


def overridable(headings: Iterable[Heading]) -> Iterator[Overridable]:
    """All parameters that the environment can name: those of all sections, and of the groups of the file."""
    groups = dict.fromkeys(heading.section for heading in headings if is_group(heading.section))
    for section in (*_MODELS, *groups):
        for model in models_of(section):
            for attribute in model.model_fields:
                yield Overridable(section, parameter_name(attribute), is_repeated(model, attribute))


def is_group(section: str) -> bool:
    """Whether this is the heading of a group."""
    return section.startswith(SECTION_OF_GROUP)


@dataclass
class Arranged:
    """All sections that are written, in the order of their headings, and the names that are wrong."""

    sections: dict[str, Written] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def arrange(main: Place, headings: Iterable[Heading], lines: Iterable[Line]) -> Arranged:
    """Bring lines under their sections and parameters. `main` is the place of a section without a heading."""
    arranged = Arranged()
    places: dict[str, Place] = {}
    for heading in headings:
        arranged.findings.extend(_wrong_heading(heading, places.get(heading.section)))
        places.setdefault(heading.section, heading.place)

    by_section: dict[str, dict[str, list[Line]]] = {section: {} for section in places}
    for line in lines:
        section = line.section
        if moved_to := _ELSEWHERE.get((section, line.parameter)):
            arranged.findings.append(
                warning(line.place, f"{line.parameter} belongs in [{moved_to}]: move it there")
            )
            section = moved_to
        attribute = attributes_of(section).get(line.parameter)
        if attribute is not None:
            by_section.setdefault(section, {}).setdefault(attribute, []).append(line)
        elif models_of(section):
            arranged.findings.append(_unknown_parameter(section, line))

    arranged.sections = {
        section: Written(
            section,
            places.get(section, main),
            {attribute: tuple(several) for attribute, several in written.items()},
        )
        for section, written in by_section.items()
        if models_of(section)
    }
    return arranged


def _wrong_heading(heading: Heading, earlier: Place | None) -> Iterator[Finding]:
    section = heading.section
    if is_group(section) and not models_of(section):
        yield Finding(
            heading.place, f"[{section}] has no usable name: write [{SECTION_OF_GROUP}name], without spaces"
        )
    elif not models_of(section):
        yield Finding(heading.place, f"there is no section [{section}]: {_suggested_section(section)}")
    elif earlier is not None and earlier.path == heading.place.path:
        yield warning(
            heading.place, f"[{section}] is opened again, first in line {earlier.line}: join the two"
        )


def _unknown_parameter(section: str, line: Line) -> Finding:
    others = [other for other in _MODELS if line.parameter in attributes_of(other)]
    close = _closest(line.parameter, attributes_of(section))
    if close:
        remedy = f"did you mean {close}?"
    elif others:
        remedy = f"it belongs in {' or '.join(f'[{other}]' for other in others)}"
    else:
        remedy = "remove it, or look up its name in the reference"
    return Finding(line.place, f"there is no parameter {line.parameter} in [{section}]: {remedy}")


def _suggested_section(section: str) -> str:
    close = _closest(section, (*_MODELS, SECTION_OF_GROUP))
    return f"did you mean [{close}]?" if close else "remove it, or look up its name in the reference"


def _closest(name: str, known: Iterable[str]) -> str:
    by_lower = {other.lower(): other for other in known}
    close = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.8)
    return by_lower[close[0]] if close else ""
