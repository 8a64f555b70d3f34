"""Whether a set of anti-virus databases may be used: what it has to find, and what it must not find.

Databases that miss the test file are none; databases that find something in the mail of everybody would stop
all mail. Both have happened to makers of databases.
"""

from __future__ import annotations

import os
import sysconfig
from base64 import encodebytes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.bases.catalogue import BaseSet
from gateway.bases.golden import good_messages
from gateway.domain.policy import ObjectStatus
from services.scanner.engines.port import Knowledge, Sample
from services.scanner.engines.signatures import SetInUse
from services.scanner.engines.testfile import VARIANTS, StandardTestFile
from services.scanner.examination import examine
from services.scanner.judging import Rules
from services.scanner.objects.budget import Limits
from services.scanner.objects.walking import Opening
from services.scanner.signatures.rules import ScanFailed

MOST_PROGRAM_FILES = 400
"""Of Python's own library, which is good as well; more of them say little more."""

_RULES = Rules(cure=False, opening=Opening(), limits=Limits())
_BAD = (ObjectStatus.INFECTED, ObjectStatus.SUSPICIOUS)


@dataclass(frozen=True)
class Trial:
    """One set, asked about what everybody knows the answer to."""

    made: BaseSet

    @property
    def _engine(self) -> SetInUse:
        return SetInUse(str(self.made.folder), self.made.manifest.version)

    def faults(self) -> Iterator[str]:
        """What is wrong with it, in words for the operator. Raises `UnusableSet`."""
        yield from self._missed()
        yield from self._found_in_good_ones()

    def known(self) -> frozenset[str]:
        """None: what there is, every set has to find, and `faults` tells."""
        return frozenset()

    def blocks(self, message: bytes) -> bool:
        """Whether it finds anything in a message."""
        return bool(self._threats(message))

    def _missed(self) -> Iterator[str]:
        """The test file by the set alone, and its variants as the scanner asks about them."""
        plain = next(iter(VARIANTS))
        if self._engine.judge(Sample(plain)).status is not ObjectStatus.INFECTED:
            yield "the standard test file is not found"
        for content, status in VARIANTS.items():
            seen = self._look(_message_with(content), (StandardTestFile(), self._engine))
            if status not in seen:
                yield f"the test file {content[:5]!r}... is {', '.join(seen)} instead of {status}"

    def _found_in_good_ones(self) -> Iterator[str]:
        for path in good_messages():
            if threats := self._threats(path.read_bytes()):
                yield f"{threats[0]} is found in a good message ({path.name})"
        for path in _program_files():
            try:
                found = self._engine.judge(Sample(path.read_bytes(), path.name))
            except ScanFailed as problem:
                yield f"{path.name}: {problem}"
                continue
            if found.status in _BAD:
                yield f"{found.threats[0]} is found in a program that everybody has ({path.name})"

    def _threats(self, message: bytes) -> Sequence[str]:
        objects = examine(message, (self._engine,), _RULES).objects
        return [threat for found in objects if found.status in _BAD for threat in found.threats]

    def _look(self, message: bytes, engines: Sequence[Knowledge]) -> Sequence[ObjectStatus]:
        return [found.status for found in examine(message, engines, _RULES).objects]


def _message_with(content: bytes) -> bytes:
    head = b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head + encodebytes(content).replace(b"\n", b"\r\n")


def _program_files() -> Sequence[Path]:
    library = Path(sysconfig.get_path("stdlib"))
    found = [
        *library.glob("*.py"),
        *(library / "lib-dynload").glob("*.so"),
        Path(os.path.realpath("/bin/sh")),
    ]
    return [path for path in sorted(found) if path.is_file()][:MOST_PROGRAM_FILES]
