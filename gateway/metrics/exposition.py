"""The text format of Prometheus, version 0.0.4: what a scrape is answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from gateway.metrics.family import Collected, Distribution, Family, Sample

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def text_of(collected: Iterable[Collected]) -> str:
    """All families, each with its meaning and its type. Those without any number are left out."""
    return "".join(f"{line}\n" for each in collected if each.samples for line in _lines(each))


def _lines(collected: Collected) -> Iterator[str]:
    family = collected.family
    yield f"# HELP {family.name} {_one_line(family.meaning)}"
    yield f"# TYPE {family.name} {family.kind}"
    for sample in collected.samples:
        match sample:
            case Sample():
                yield f"{family.name}{_labels(family.labels, sample.labels)} {_number(sample.value)}"
            case Distribution():
                yield from _histogram(family, sample)


def _histogram(family: Family, sample: Distribution) -> Iterator[str]:
    names, up_to = (*family.labels, "le"), list(accumulate(sample.counts))
    for bound, count in zip((*map(_number, sample.bounds), "+Inf"), up_to, strict=True):
        yield f"{family.name}_bucket{_labels(names, (*sample.labels, bound))} {count}"
    labels = _labels(family.labels, sample.labels)
    yield f"{family.name}_sum{labels} {_number(sample.total)}"
    yield f"{family.name}_count{labels} {up_to[-1]}"


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    pairs = ",".join(f'{name}="{_quoted(value)}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _one_line(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    return _one_line(text).replace('"', r"\"")
