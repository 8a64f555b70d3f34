"""One set of our own databases in memory: rules and digests, asked together."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from gateway.bases.catalogue import BaseSet, UnusableSet
from gateway.bases.source import BadSource
from gateway.domain.policy import ObjectStatus, worst
from services.scanner.engines.port import CLEAN, EngineResult
from services.scanner.signatures.digests import Digests
from services.scanner.signatures.rules import Rules, compile_rules, read_rules

log = logging.getLogger(__name__)

RULES = "rules.yar"
COMPILED_RULES = "rules.yarx"
DIGESTS = "digests.bin"

SHIPPED = Path(__file__).parent / "shipped"
"""The set that comes with the gateway, built from `sources` beside it."""


@dataclass(frozen=True, slots=True)
class Signatures:
    """What is known of threats."""

    rules: Rules
    digests: Digests

    def judge(self, content: bytes, name: str, digest: bytes, *, within: int | None = None) -> EngineResult:
        """What is known of a content with that SHA-256 digest, in an object of that name.

        Raises `ScanFailed`, also when the rules come to no end `within` so many seconds.
        """
        known = self.digests.threat(digest)
        found = ((known, ObjectStatus.INFECTED),) if known else self.rules.match(content, name, within=within)
        if not found:
            return CLEAN
        return EngineResult(
            worst(tuple(status for _, status in found)), tuple(dict.fromkeys(threat for threat, _ in found))
        )


def load_signatures(source: BaseSet) -> Signatures:
    """The signatures of a set. Raises `UnusableSet`."""
    return Signatures(_load_rules(source.folder), Digests(source.folder / DIGESTS))


def _load_rules(folder: Path) -> Rules:
    compiled = folder / COMPILED_RULES
    if compiled.exists():
        try:
            return read_rules(compiled)
        except UnusableSet as problem:
            log.warning("%s: its rules are compiled anew at each start: build the set again", problem)
    try:
        return compile_rules({RULES: (folder / RULES).read_text(encoding="utf-8")})
    except (OSError, UnicodeDecodeError, BadSource) as problem:
        raise UnusableSet(f"{folder / RULES}: {problem}") from problem
