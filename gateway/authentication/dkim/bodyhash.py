"""Hashes of a body for all signatures at once, while it passes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.authentication.dkim.canonical import Canonicalization, RelaxedBody, SimpleBody


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a signature covers of the body."""

    form: Canonicalization
    length: int | None = None  # l=: bytes of the canonical form; None is all of it


@dataclass(frozen=True, slots=True)
class BodyHash:
    """SHA-256 of what is covered, and how far that is from the end of the canonical body."""

    digest: bytes
    left: int  # bytes that are not covered; negative when the body is shorter than l= says


class BodyHashes:
    """Takes a body in, piece by piece."""

    def __init__(self, wanted: Iterable[Coverage]) -> None:
        self._sums = {coverage: _Sum(coverage.length) for coverage in wanted}
        self._bodies = {coverage.form: _BODIES[coverage.form]() for coverage in self._sums}

    def update(self, piece: bytes) -> None:
        """Add bytes of the body."""
        for form, body in self._bodies.items():
            self._add(form, body.take(piece))

    def finish(self) -> Mapping[Coverage, BodyHash]:
        """The hashes of all that was wanted, once the body is at its end."""
        for form, body in self._bodies.items():
            self._add(form, body.end())
        return {coverage: total.result() for coverage, total in self._sums.items()}

    def _add(self, form: Canonicalization, pieces: Iterable[bytes]) -> None:
        sums = [total for coverage, total in self._sums.items() if coverage.form is form]
        for piece in pieces:
            for total in sums:
                total.add(piece)


class _Sum:
    def __init__(self, length: int | None) -> None:
        self._hash = hashlib.sha256()
        self._length = length
        self._size = 0

    def add(self, piece: bytes) -> None:
        covered = piece if self._length is None else piece[: max(0, self._length - self._size)]
        self._size += len(piece)
        self._hash.update(covered)

    def result(self) -> BodyHash:
        left = 0 if self._length is None else self._size - self._length
        return BodyHash(self._hash.digest(), left)


_BODIES: Mapping[Canonicalization, type[SimpleBody]] = {
    Canonicalization.SIMPLE: SimpleBody,
    Canonicalization.RELAXED: RelaxedBody,
}
