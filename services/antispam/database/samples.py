"""Samples of known spam: what a text resembles, found at a cost that hardly grows with their number.

Fingerprints are cut into bands of three numbers. Texts that are half alike have a band in common nearly
always, others nearly never; so a look-up of each band gives the few samples worth comparing
(locality-sensitive hashing). Bands lie sorted in a file that all processes share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.bases.catalogue import UnusableSet
from services.antispam.database.fingerprints import SIZE, Numbers, fingerprint, likeness
from services.antispam.database.tokens import tokens_of
from services.antispam.facts import Resemblance

LEAST_LIKENESS = 0.4
"""What is less alike is not worth telling: texts of the same kind that are not copies reach 0.1."""

MOST_RESEMBLANCES = 3

FINGERPRINTS, BANDS, OWNERS = "samples.npy", "sample-bands.npy", "sample-owners.npy"
NAMES = "samples.tsv"

SAMPLES = (FINGERPRINTS, BANDS, OWNERS, NAMES)
"""The files of a set that hold them."""

_WIDTH = 3
_BANDS = SIZE // _WIDTH
_MOST_OF_A_BAND = 128
"""Samples with one band that are compared with a text; more have one in common only if they are alike."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A known text."""

    name: str
    category: str  # its name, "" if it has none
    numbers: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """All samples, and their bands in order."""

    labels: Sequence[tuple[str, str]]  # name and category of each
    numbers: Numbers
    bands: NDArray[np.uint64]  # of all samples, sorted
    owners: NDArray[np.uint32]  # the sample of each band

    def __len__(self) -> int:
        return len(self.labels)

    def like(self, one: Numbers, least: float = LEAST_LIKENESS) -> tuple[Resemblance, ...]:
        """The samples that a text with that fingerprint resembles, the most alike first."""
        if not len(self):
            return ()
        wanted = _bands_of(one[None, :])[0]
        starts, ends = np.searchsorted(self.bands, wanted), np.searchsorted(self.bands, wanted, "right")
        near = [
            self.owners[start : min(end, start + _MOST_OF_A_BAND)]
            for start, end in zip(starts, ends, strict=True)
            if end > start
        ]
        if not near:
            return ()
        compared = np.unique(np.concatenate(near))
        shares = likeness(one, self.numbers[compared])
        order = np.argsort(-shares, kind="stable")[:MOST_RESEMBLANCES]
        return tuple(
            Resemblance(name, category, round(float(shares[place]), 3))
            for place in order
            if shares[place] >= least
            for name, category in (self.labels[compared[place]],)
        )


def sample_of(text: str, name: str, category: str) -> Sample | None:
    """A text as a sample; None when it says too little to be one: see `LEAST_WORDS`."""
    numbers = fingerprint(tokens_of(text))
    return None if numbers is None else Sample(name, category, numbers)


def gather(samples: Iterable[Sample]) -> Samples:
    """Samples, ready to be looked up."""
    known = list(samples)
    numbers = np.array([sample.numbers for sample in known], dtype=np.uint32).reshape(len(known), SIZE)
    bands = _bands_of(numbers).reshape(-1)
    order = np.argsort(bands, kind="stable")
    owners = (order // _BANDS).astype(np.uint32)
    return Samples([(sample.name, sample.category) for sample in known], numbers, bands[order], owners)


def write_samples(folder: Path, samples: Samples) -> None:
    """Keep samples as files of a set."""
    arrays: dict[str, NDArray[Any]] = {
        FINGERPRINTS: samples.numbers,
        BANDS: samples.bands,
        OWNERS: samples.owners,
    }
    for name, array in arrays.items():
        with (folder / name).open("wb") as file:
            np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)
    rows = (f"{category}\t{name}\n" for name, category in samples.labels)
    (folder / NAMES).write_text("".join(rows), encoding="utf-8")


def read_samples(folder: Path) -> Samples:
    """The samples of a set. Raises `UnusableSet`."""
    labels = []
    for line in (folder / NAMES).read_text(encoding="utf-8").splitlines():
        category, _, name = line.partition("\t")
        labels.append((name, category))
    count = len(labels)
    return Samples(
        labels,
        _array(folder / FINGERPRINTS, np.uint32, (count, SIZE)),
        _array(folder / BANDS, np.uint64, (count * _BANDS,)),
        _array(folder / OWNERS, np.uint32, (count * _BANDS,)),
    )


def _array(path: Path, kind: type[np.unsignedinteger[Any]], shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        # Pages of the file: what nobody looks up takes no memory, and processes share the rest.
        array = np.load(path, mmap_mode="r" if shape[0] else None, allow_pickle=False)
    except (OSError, ValueError) as problem:
        raise UnusableSet(f"{path}: {problem}") from problem
    if array.dtype != kind or array.shape != shape:
        raise UnusableSet(f"{path}: is {array.dtype} {array.shape}, and not {np.dtype(kind)} {shape}")
    return np.asarray(array)


def _bands_of(numbers: Numbers) -> NDArray[np.uint64]:
    """The bands of fingerprints, a row each: numbers that hold which band it is."""
    cut = numbers[:, : _BANDS * _WIDTH].astype(np.uint64).reshape(len(numbers), _BANDS, _WIDTH)
    mixed = cut[:, :, 0] * np.uint64(0x9E3779B97F4A7C15) ^ cut[:, :, 1] * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed = (mixed ^ cut[:, :, 2]) * np.uint64(0x165667B19E3779F9)
    number = np.arange(_BANDS, dtype=np.uint64) << np.uint64(56)
    bands: NDArray[np.uint64] = (mixed >> np.uint64(8)) | number
    return bands
