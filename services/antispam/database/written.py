"""Mail texts that were written for the project, good and bad: what stands in `sources/written/`, as values.

The form is told in `sources/written/README.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from random import Random

_SLOT = re.compile(r"\{([^{}]*)\}")
_SOURCES = files("services.antispam.database").joinpath("sources", "written")


class BadText(ValueError):
    """A text that is not as the form asks; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Written:
    """One text: what a person would write, without the shape it is sent in."""

    language: str  # ISO 639, with the script where there are two: "zh-hant"
    good: bool
    kind: str  # of good mail: "order", "personal", ...; of bad mail: the category it is of
    number: int  # its place in its file, from 1
    subject: str
    author: str = ""  # "Name <address>" or a name; "" where the composer is free
    lines: tuple[str, ...] = ()  # of the text; "[words]" is a button, "@name" an attachment
    topic: str = ""  # of the thread it answers, "" if none

    @property
    def name(self) -> str:
        """What tells it from all others: `good/de/12`."""
        return f"{'good' if self.good else 'bad'}/{self.language}/{self.number}"


def shipped_texts() -> tuple[Written, ...]:
    """All texts of the sources, by label, language and place."""
    return tuple(
        text
        for label in ("good", "bad")
        for file in sorted(_SOURCES.joinpath(label).iterdir(), key=_name)
        for text in parse(file.read_text(encoding="utf-8"), label, file.name)
    )


def shipped_words() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """What slots are filled with, by language and slot; `any` holds for all languages."""
    words: dict[str, dict[str, tuple[str, ...]]] = {}
    for line in _SOURCES.joinpath("words.tsv").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            language, slot, values = line.split("\t")
            words.setdefault(language, {})[slot] = tuple(values.split("|"))
    return words


def parse(source: str, label: str, file: str) -> Iterator[Written]:
    """The texts of one file. Raises `BadText`."""
    language = file.removesuffix(".txt")
    starts = [number for number, line in enumerate(source.splitlines()) if line.startswith("== ")]
    lines = source.splitlines()
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(lines)], strict=True), 1):
        kind = lines[start].removeprefix("== ").strip()
        fields, text = _fields(lines[start + 1 : end])
        if "Subject" not in fields or not any(text) or not re.fullmatch(r"[a-z-]+", kind):
            raise BadText(f"{label}/{file}:{start + 1}: a text needs a kind, a Subject and words")
        yield Written(
            language,
            label == "good",
            kind,
            number,
            fields["Subject"],
            fields.get("From", ""),
            text,
            fields.get("Re", ""),
        )


def fill(text: Written, words: Mapping[str, Mapping[str, tuple[str, ...]]], random: Random) -> Written:
    """The text with every slot and choice decided; the same slot holds the same words all through it."""
    known = {**words["any"], **words.get(text.language, words["en"])}
    chosen: dict[str, str] = {}

    def decide(match: re.Match[str]) -> str:
        slot = str(match[1])
        if "|" in slot:
            return random.choice(slot.split("|"))
        if slot not in chosen:
            chosen[slot] = _value(slot, known, random, text)
        return chosen[slot]

    def filled(line: str) -> str:
        while (changed := _SLOT.sub(decide, line)) != line:
            line = changed
        return line

    return replace(
        text,
        subject=filled(text.subject),
        author=filled(text.author),
        lines=tuple(filled(line) for line in text.lines),
        topic=filled(text.topic),
    )


def _value(slot: str, known: Mapping[str, tuple[str, ...]], random: Random, text: Written) -> str:
    if slot.startswith("#"):
        return "".join(
            random.choice("123456789") if at == 0 else random.choice("0123456789") for at in range(len(slot))
        )
    if slot not in known:
        raise BadText(f"{text.name}: nothing is known to fill {{{slot}}} with")
    return random.choice(known[slot])


def _fields(lines: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    fields: dict[str, str] = {}
    at = 0
    while at < len(lines) and (match := re.fullmatch(r"(Subject|From|Re): (.*)", lines[at])):
        fields[match[1]] = match[2]
        at += 1
    text = lines[at:]
    while text and not text[-1].strip():
        text.pop()
    return fields, tuple(text)


def _name(file: Traversable) -> str:
    return file.name
