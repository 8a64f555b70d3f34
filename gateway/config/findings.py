"""What is wrong with a configuration, each with its place and its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.errors import ConfigError


class Severity(StrEnum):
    """Errors make a configuration invalid, warnings do not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file, or of an environment variable."""

    path: str
    line: int = 0  # 0: the file as a whole

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the administrator should know."""

    place: Place
    text: str  # what is wrong, and what to do about it
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.place}: {self.severity}: {self.text}"


def warning(place: Place, text: str) -> Finding:
    """A finding that does not make the configuration invalid."""
    return Finding(place, text, Severity.WARNING)


@dataclass(frozen=True, slots=True)
class Findings:
    """All findings about one configuration, by place."""

    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


def sorted_findings(found: Iterable[Finding]) -> Findings:
    """Errors and warnings apart, each once, in the order of their places."""
    ordered = sorted(dict.fromkeys(found), key=lambda finding: (finding.place, finding.text))
    return Findings(
        errors=tuple(finding for finding in ordered if finding.severity is Severity.ERROR),
        warnings=tuple(finding for finding in ordered if finding.severity is Severity.WARNING),
    )


def printable(findings: Findings) -> tuple[str, ...]:
    """One line for each finding, `path:line: error: text`, errors and warnings together by place."""
    together = sorted((*findings.errors, *findings.warnings), key=lambda finding: finding.place)
    return tuple(str(finding) for finding in together)


class InvalidConfig(ConfigError):
    """The configuration cannot be used; its text has a line for each error."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        super().__init__("\n".join(str(finding) for finding in findings.errors))
