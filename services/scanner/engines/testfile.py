"""Knows the standard anti-virus test file and its variants with a prefix (manual, chapter 7.3), nothing else.

An object is a test file by that file's own definition: the string stands at its very beginning, behind at
most one known prefix, and only white space may follow, up to 128 bytes without the prefix. A text that quotes
the string in its middle is no test file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from gateway.domain.policy import ObjectStatus
from services.scanner.engines.port import CLEAN, Bases, Deletion, EngineResult, Sample

# In pieces, here and in what Python compiles of it: scanners would take this file away.
_STRING = b"".join((rb"X5O!P%@AP[4\PZX54(P^)7CC)7}", b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!", b"$H+H*"))
_LONGEST = 128
_WHITE_SPACE = b" \t\r\n\x1a"
_LONGEST_PREFIX = 5

_THREAT = ("EICAR-Test-File",)

_RESULTS: Mapping[bytes, EngineResult] = MappingProxyType(
    {
        b"": EngineResult(ObjectStatus.INFECTED, _THREAT, deletion=Deletion.UNLESS_CURED),
        b"CORR-": EngineResult(ObjectStatus.ERROR, cause="the object is damaged"),
        b"SUSP-": EngineResult(ObjectStatus.SUSPICIOUS, ("EICAR-Test-File, unknown virus code",)),
        b"WARN-": EngineResult(ObjectStatus.SUSPICIOUS, ("EICAR-Test-File, modified",)),
        b"ERRO-": EngineResult(ObjectStatus.ERROR, cause="the scan of the object failed"),
        b"CURE-": EngineResult(ObjectStatus.INFECTED, _THREAT, cured=b"CURE"),
        b"DELE-": EngineResult(ObjectStatus.INFECTED, _THREAT, deletion=Deletion.ALWAYS),
    }
)


VARIANTS: Mapping[bytes, ObjectStatus] = MappingProxyType(
    {prefix + _STRING: result.status for prefix, result in _RESULTS.items()}
)
"""The test file and all its variants, and what an object is that is one of them."""

_BASES = Bases(date(2003, 10, 24), len(_RESULTS))  # since that day the variants are known


@dataclass(frozen=True, slots=True)
class StandardTestFile:
    """The engine for trying out the gateway."""

    name: str = "testfile"
    edition: str = "1"  # changes with the results above
    bases: Bases = _BASES

    @property
    def at_hand(self) -> StandardTestFile:
        """All that it knows is in itself."""
        return self

    knowledge = at_hand

    def judge(self, sample: Sample) -> EngineResult:
        """What the test file stands for, or clean."""
        content = sample.content
        place = content.find(_STRING, 0, _LONGEST_PREFIX + len(_STRING))
        if place < 0 or len(content) - place > _LONGEST:
            return CLEAN
        if content[place + len(_STRING) :].strip(_WHITE_SPACE):
            return CLEAN
        return _RESULTS.get(content[:place], CLEAN)
