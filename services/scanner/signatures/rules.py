"""Rules in YARA's language: compiled, kept as a file, matched (YARA-X).

A rule says what it found by two of its `meta`: `threat`, a name without blanks, and `status`, `infected` or
`suspicious`. It may ask for `object_name`, what the message calls the object.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import cast

import yara_x

from gateway.bases.catalogue import UnusableSet
from gateway.bases.source import BadSource
from gateway.domain.policy import ObjectStatus
from services.scanner.signatures.source import THREAT_NAME

OBJECT_NAME = "object_name"

THREAT, STATUS = "threat", "status"

STATUSES: Mapping[str, ObjectStatus] = MappingProxyType(
    {str(status): status for status in (ObjectStatus.INFECTED, ObjectStatus.SUSPICIOUS)}
)

_PANIC = "PanicException"
"""What a fault in the library's own code comes as: it is no `Exception`, and cannot be imported."""


class ScanFailed(Exception):
    """The rules could not be matched to the end; says why."""


class _Machine(threading.local):
    """What matched last in this thread, kept since making one costs more than matching.

    It has to be used and to end in the thread that made it. So no value of ours holds it: the collector of
    cycles could end that in any thread.
    """

    rules: yara_x.Rules | None = None
    scanner: yara_x.Scanner | None = None

    def matching(self, rules: yara_x.Rules) -> yara_x.Scanner:
        """The machine for these rules."""
        if self.scanner is None or self.rules is not rules:
            self.rules, self.scanner = rules, yara_x.Scanner(rules)
            self.scanner.fast_scan(True)
        return self.scanner


_MACHINE = _Machine()


class Rules:
    """Compiled rules, and what matches them."""

    def __init__(self, compiled: yara_x.Rules) -> None:
        self._compiled = compiled

    @property
    def parse(self) -> bool:
        """Whether a rule needs a module, which takes the content apart by its format."""
        return bool(self._compiled.imports())

    def __len__(self) -> int:
        return sum(1 for _ in self._compiled)

    def match(
        self, content: bytes, name: str, *, within: int | None = None
    ) -> tuple[tuple[str, ObjectStatus], ...]:
        """The threats of all rules that match, and what each makes of the object.

        Raises `ScanFailed`, also when there is no end `within` so many seconds: give it always or never.
        """
        machine: yara_x.Scanner | None = None
        try:
            machine = _MACHINE.matching(self._compiled)
            machine.set_global(OBJECT_NAME, name.encode(errors="replace").decode())
            if within is not None:
                machine.set_timeout(within)
            matching = machine.scan(content).matching_rules
        except BaseException as problem:
            machine = _MACHINE.scanner = None  # a traceback would take it anywhere
            failure = _as_failure(problem, within)
            if failure is None:
                raise
            raise failure from problem
        return tuple(_said_by(rule) for rule in matching)

    def write(self, path: Path) -> None:
        """Keep them, for this version of YARA-X alone."""
        with path.open("wb") as file:
            self._compiled.serialize_into(file)


def read_rules(path: Path) -> Rules:
    """Rules that were kept in a file. Raises `UnusableSet` when this version of YARA-X cannot read it."""
    try:
        with path.open("rb") as file:
            return Rules(yara_x.Rules.deserialize_from(file))
    except OSError as problem:
        raise UnusableSet(f"{path}: {problem}") from problem


def compile_rules(sources: Mapping[str, str]) -> Rules:
    """Rules from sources, by the names of their files. Raises `BadSource` for the first that is not right."""
    compiler = yara_x.Compiler(error_on_slow_pattern=True, includes_enabled=False)
    compiler.define_global(OBJECT_NAME, "")
    text = cast(yara_x.MetaType, yara_x.MetaType.STRING)  # the library's stub calls it a number
    compiler.allowed_metadata(THREAT, text, required=True, regexp=f"^{THREAT_NAME}$", error=True)
    compiler.allowed_metadata(STATUS, text, required=True, regexp=f"^({'|'.join(STATUSES)})$", error=True)
    try:
        for origin, source in sources.items():
            compiler.add_source(source, origin)
        return Rules(compiler.build())
    except yara_x.CompileError as problem:
        raise BadSource(str(problem)) from problem


def _as_failure(problem: BaseException, within: int | None) -> ScanFailed | None:
    if isinstance(problem, yara_x.TimeoutError):
        return ScanFailed(f"no end of the rules within {within} s")
    if isinstance(problem, yara_x.ScanError):
        return ScanFailed(str(problem))
    if type(problem).__name__ == _PANIC:
        return ScanFailed(f"fault in the rules' machine: {problem}")
    return None


def _said_by(rule: yara_x.Rule) -> tuple[str, ObjectStatus]:
    said = dict(rule.metadata)
    return str(said[THREAT]), STATUSES[said[STATUS]]
