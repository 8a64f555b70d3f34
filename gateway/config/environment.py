"""Parameters from the environment: `SMTPGW_<SECTION>_<PARAMETER>` takes the place of what the file says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from gateway.config.findings import Finding, Place
from gateway.config.syntax import Line, unprintable

PREFIX = "SMTPGW_"


@dataclass(frozen=True, slots=True)
class Overridable:
    """A parameter that a variable can name."""

    section: str
    parameter: str
    repeated: bool


def variable_name(section: str, parameter: str) -> str:
    """The variable that overrides a parameter: upper case, all but letters and digits as underscores."""
    return PREFIX + re.sub(r"[^A-Z0-9]", "_", f"{section}_{parameter}".upper())


def override(
    lines: tuple[Line, ...], known: Iterable[Overridable], environ: Mapping[str, str]
) -> tuple[tuple[Line, ...], tuple[Finding, ...]]:
    """Replace what the environment says otherwise. A repeated parameter has one value a line there."""
    by_name: dict[str, list[Overridable]] = {}
    for parameter in known:
        by_name.setdefault(variable_name(parameter.section, parameter.parameter), []).append(parameter)

    findings: list[Finding] = []
    replaced: dict[tuple[str, str], tuple[Line, ...]] = {}
    for name in sorted(name for name in environ if name.startswith(PREFIX)):
        place, meant = Place(name), by_name.get(name, [])
        if not meant:
            findings.append(Finding(place, f"this variable names no parameter: {_remedy(name, by_name)}"))
        elif len(meant) > 1:
            both = " and ".join(f"[{parameter.section}]" for parameter in meant)
            findings.append(Finding(place, f"this variable could mean {both}: rename one of the groups"))
        elif unprintable(environ[name]):
            findings.append(Finding(place, "control characters in the value: set it as plain text"))
        else:
            [parameter] = meant
            replaced[parameter.section, parameter.parameter] = _lines(parameter, environ[name])

    kept = tuple(line for line in lines if (line.section, line.parameter) not in replaced)
    return kept + tuple(line for several in replaced.values() for line in several), tuple(findings)


def _lines(parameter: Overridable, text: str) -> tuple[Line, ...]:
    name = variable_name(parameter.section, parameter.parameter)
    if not parameter.repeated:
        return (
            Line(Place(name), parameter.section, parameter.parameter, " ".join(text.split("\n")).strip()),
        )
    values = [(number, value.strip()) for number, value in enumerate(text.split("\n"), start=1)]
    given = [(number, value) for number, value in values if value] or [(1, "")]
    return tuple(
        Line(Place(name, number), parameter.section, parameter.parameter, value) for number, value in given
    )


def _remedy(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.8)
    return f"did you mean {close[0]}?" if close else "remove it, or look up its name in the reference"
