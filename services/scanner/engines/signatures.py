"""Our own databases of rules and digests, in the set that is in use when the sample comes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gateway.bases.catalogue import BaseSet, read_manifest
from gateway.bases.library import Library
from services.scanner.engines.port import Bases, EngineResult, NeedsIsolation, Sample
from services.scanner.signatures.rules import ScanFailed
from services.scanner.signatures.signatures import Signatures, load_signatures

NAME = "signatures"

SECONDS_ON_THE_SPOT = 1
"""Nobody waits longer than that: it is the smallest time that can be set."""

SETS_IN_A_PROCESS = 2
"""That a process of the pool keeps: while sets are switched, samples for both come."""


@dataclass(frozen=True, slots=True)
class SetAtHand:
    """A set of databases that this process has loaded."""

    signatures: Signatures
    edition: str
    name: str = NAME

    def judge(self, sample: Sample) -> EngineResult:
        """What it knows of a sample, if that takes no time and takes nothing apart."""
        if self.signatures.rules.parse:
            raise NeedsIsolation
        try:
            return self.signatures.judge(
                sample.content, sample.name, sample.digest, within=SECONDS_ON_THE_SPOT
            )
        except ScanFailed as problem:
            raise NeedsIsolation from problem


@dataclass(frozen=True, slots=True)
class SetInUse:
    """A set of databases, by its place."""

    folder: str
    edition: str
    name: str = NAME

    def judge(self, sample: Sample) -> EngineResult:
        """What it knows of a sample. Raises `ScanFailed`."""
        return _signatures_in(self.folder).judge(sample.content, sample.name, sample.digest)


class SignatureEngine:
    """The engine of our own databases."""

    def __init__(self, library: Library[Signatures]) -> None:
        self._library = library

    @property
    def bases(self) -> Bases:
        """Of the set in use."""
        manifest = self._library.current.manifest
        return Bases(manifest.made_at.date(), manifest.records)

    @property
    def at_hand(self) -> SetAtHand:
        """The set in use, as this process has it."""
        in_use = self._library.current
        return SetAtHand(in_use.content, in_use.manifest.version)

    @property
    def knowledge(self) -> SetInUse:
        """The set in use, for a process that loads it itself."""
        in_use = self._library.current
        return SetInUse(str(in_use.source.folder), in_use.manifest.version)


@lru_cache(maxsize=SETS_IN_A_PROCESS)
def _signatures_in(folder: str) -> Signatures:
    # The service compared the files with their digests when it took the set over.
    path = Path(folder)
    return load_signatures(BaseSet(path, read_manifest(path)))
