"""Sections from what is written: each parameter read, each wrong one a finding, the others kept.

So that all findings can be told at once, a wrong parameter does not spoil its section: the checks across
sections see the section without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from annotated_types import Ge, Le
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.config.findings import Finding, Place
from gateway.config.names import parameter_name
from gateway.config.sections.section import Section
from gateway.config.syntax import Line
from gateway.config.written import Written, is_repeated

S = TypeVar("S", bound=Section)

Lines = Mapping[str, tuple[Line, ...]]


@dataclass(frozen=True, slots=True)
class Built(Generic[S]):
    """A section, or None when a required parameter is missing; and the lines that it was made from."""

    heading: str
    place: Place
    section: S | None
    lines: Lines  # of good values only: one line for each element of a list
    findings: tuple[Finding, ...]

    def place_of(self, attribute: str, element: int = 0) -> Place:
        """Where a parameter is written, or else the section."""
        lines = self.lines.get(attribute, ())
        return lines[element].place if element < len(lines) else self.place


def build(
    model: type[S], written: Written, *, behind: Lines | None = None, mentioned: frozenset[str]
) -> Built[S]:
    """Make a section of what is written.

    `behind` are good lines for parameters that are not written here: a group has the policy's behind it.
    Nothing is found about those, nor missed where they are missing. A parameter that was `mentioned`, but
    whose lines were lost to an error that is known already, is not called missing.
    """
    findings: list[Finding] = []
    own: dict[str, tuple[Line, ...]] = {}
    for attribute in model.model_fields.keys() & written.lines.keys():
        own[attribute] = _single(model, attribute, written.lines[attribute], findings)

    section, errors = _attempt(model, {**(behind or {}), **own})
    for error in errors:
        findings.extend(_finding(model, written, error, own, mentioned, alone=behind is None))
    if section is None:
        own = _without(own, errors)
        section, _ = _attempt(model, {**(behind or {}), **own})
    return Built(written.heading, written.place, section, own, tuple(findings))


def _single(
    model: type[Section], attribute: str, lines: tuple[Line, ...], findings: list[Finding]
) -> tuple[Line, ...]:
    """The lines that count: one of a single value; of a list an empty one alone, or those that are not."""
    name = parameter_name(attribute)
    if not is_repeated(model, attribute):
        for line in lines[1:]:
            findings.append(
                Finding(line.place, f"{name} is given already at {lines[0].place}: remove one of the two")
            )
        return lines[:1]
    if len(lines) == 1:
        return lines
    for line in lines:
        if not line.value:
            findings.append(
                Finding(line.place, f"{name}: an empty value means none at all: remove it, or all others")
            )
    return tuple(line for line in lines if line.value)


def _attempt(model: type[S], lines: Lines) -> tuple[S | None, list[ErrorDetails]]:
    try:
        return model.model_validate(
            {name: _value(model, name, written) for name, written in lines.items()}
        ), []
    except ValidationError as wrong:
        errors = wrong.errors(include_url=False, include_input=False)
        spoilt = {error["loc"][0] for error in errors if len(error["loc"]) > 1}
        # A list is also called too short when its only element is wrong: that one is told.
        return None, [error for error in errors if len(error["loc"]) > 1 or error["loc"][0] not in spoilt]


def _value(model: type[Section], attribute: str, lines: tuple[Line, ...]) -> Any:
    if not is_repeated(model, attribute):
        return lines[0].value
    return tuple(line.value for line in lines if line.value)


def _finding(
    model: type[Section],
    written: Written,
    error: ErrorDetails,
    own: Lines,
    mentioned: frozenset[str],
    *,
    alone: bool,
) -> Iterator[Finding]:
    attribute = str(error["loc"][0])
    name = parameter_name(attribute)
    if error["type"] == "missing":
        if alone and attribute not in mentioned:
            yield Finding(written.place, f"{name} is missing in [{written.heading}]: add a line {name}=...")
    elif attribute in own:
        yield Finding(_line(error, own).place, f"{name}: {_words(model, attribute, error)}")


def _line(error: ErrorDetails, own: Lines) -> Line:
    element = error["loc"][1] if len(error["loc"]) > 1 else 0
    lines = own[str(error["loc"][0])]
    return lines[element] if isinstance(element, int) and element < len(lines) else lines[0]


def _words(model: type[Section], attribute: str, error: ErrorDetails) -> str:
    match error["type"]:
        case "value_error":
            return str(error["ctx"]["error"])
        case "greater_than_equal" | "less_than_equal":
            lowest, highest = number_range(model, attribute)
            return f"the number is out of range: use {lowest} to {highest}"
        case "too_short":
            return "at least one value is needed: add one"
        case _:
            return error["msg"]


def number_range(model: type[Section], attribute: str) -> tuple[int, int]:
    """The smallest and the largest value of a number."""
    metadata = model.model_fields[attribute].metadata
    [lowest] = [cast(int, limit.ge) for limit in metadata if isinstance(limit, Ge)]
    [highest] = [cast(int, limit.le) for limit in metadata if isinstance(limit, Le)]
    return lowest, highest


def _without(own: Lines, errors: list[ErrorDetails]) -> dict[str, tuple[Line, ...]]:
    """The lines that no error is about. A list of which nothing is left is left out."""
    wrong = {
        _line(error, own).place
        for error in errors
        if error["type"] != "missing" and str(error["loc"][0]) in own
    }
    kept = {name: tuple(line for line in lines if line.place not in wrong) for name, lines in own.items()}
    return {name: lines for name, lines in kept.items() if lines}
