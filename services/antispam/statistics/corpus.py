"""Labelled messages: a folder with `manifest.tsv` and archives, and mail that was written for the project."""

from __future__ import annotations

import csv
import os
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from gateway.bases.catalogue import open_set
from gateway.domain.authentication import Authentication, Dkim, Dmarc, Result, Spf
from gateway.domain.journey import Finding
from services.antispam.checks import CHECKS
from services.antispam.database.composing import compose
from services.antispam.database.database import SHIPPED, load_database
from services.antispam.database.tokens import tokens_of
from services.antispam.database.written import shipped_texts, shipped_words
from services.antispam.facts import Facts
from services.antispam.knowledge import Knowledge
from services.antispam.reading.reading import read_whole
from services.antispam.statistics.features import features_of
from services.antispam.statistics.words import words_of
from services.antispam.view import View

MANIFEST = "manifest.tsv"

WRITTEN = "written"
"""Before the language of sources that were written for the project."""

SHAPES_OF_EACH = 4
"""Messages that are composed of each written text."""

_AT_ONCE = 50
"""Messages that a process is handed at once."""


class NoCorpus(Exception):
    """There is no corpus where it was looked for; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One message, and what is known of it."""

    name: str
    source: str
    good: bool
    place: Path | None  # where it lies, or
    content: bytes  # the message itself
    client_ip: str = ""
    helo: str = ""
    sender: str = ""
    results: str = ""  # `spf=pass;dkim=none`, as far as known


@dataclass(frozen=True, slots=True)
class Examined:
    """What the checks say of a labelled message, before the model."""

    name: str
    source: str
    good: bool
    findings: tuple[Finding, ...]
    features: tuple[str, ...]
    words: frozenset[str] = frozenset()

    @property
    def origin(self) -> str:
        """What it has its words from: the corpus that it is of, or its written text."""
        return self.name.partition("#")[0] if is_written(self.source) else self.source.partition("/")[0]


def is_written(source: str) -> bool:
    """Whether the messages of a source were written for the project."""
    return source.startswith(f"{WRITTEN}/")


def corpus_in(folder: Path, unpacked: Path) -> Iterator[Labelled]:
    """The messages of a corpus; its archives are unpacked where they are not yet. Raises `NoCorpus`."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise NoCorpus(f"{manifest} is not there: give the folder of the corpus")
    with manifest.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    for archive in sorted({row["archive"] for row in rows}):
        _unpack(folder / archive, unpacked)
    for row in rows:
        known = {name: "" if value == "?" else value for name, value in row.items()}
        yield Labelled(
            row["member"],
            row["source"],
            row["label"] == "ham",
            unpacked / row["member"],
            b"",
            known["client_ip"],
            known["helo"],
            known["envelope_from"],
            known["auth_results"],
        )


def written_mail() -> Iterator[Labelled]:
    """Messages composed of the texts that were written for the project, half of them without facts."""
    words = shipped_words()
    for text in shipped_texts():
        for seed in range(SHAPES_OF_EACH):
            made = compose(text, words, seed)
            asked = zlib.crc32(made.body) % 2
            yield Labelled(
                f"{text.name}#{seed}",
                f"{WRITTEN}/{text.language}",
                text.good,
                None,
                made.body,
                made.client_ip,
                made.helo,
                made.sender,
                f"spf={made.spf};dkim={made.dkim};dmarc={made.dmarc}" if asked else "",
            )


def examine_all(messages: Iterable[Labelled], processes: int | None = None) -> list[Examined]:
    """What the checks say of each, in their order, on all cores."""
    with ProcessPoolExecutor(processes or os.cpu_count()) as pool:
        return list(pool.map(examine, messages, chunksize=_AT_ONCE))


def examine(message: Labelled) -> Examined:
    """What the checks say of one message, read as the gateway reads it."""
    content = message.place.read_bytes() if message.place else message.content
    read = read_whole(content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    bare = View(read, Facts(), _knowledge().database)
    facts = Facts(
        authentication=_authentication(message, bare),
        client_ip=message.client_ip,
        helo=message.helo,
        sender=message.sender,
    )
    # What words say is learnt with the rest: what was learnt before must not tell.
    view = View(read, replace(_knowledge().added_to(facts, read), wording=None), _knowledge().database)
    findings = tuple(finding for check in CHECKS for finding in check(view))
    words = words_of(tokens_of(read.words), tokens_of("\n".join(read.subjects)))
    return Examined(message.name, message.source, message.good, findings, features_of(view, findings), words)


def without(examined: Examined, forgotten: Iterable[str]) -> Examined:
    """The same message as if some findings had not been made, by their names or their families."""
    gone = frozenset(forgotten)

    def stays(name: str) -> bool:
        return name not in gone and name.partition(".")[0] not in gone

    return replace(
        examined,
        findings=tuple(finding for finding in examined.findings if stays(finding.check)),
        features=tuple(feature for feature in examined.features if stays(feature)),
    )


def _unpack(archive: Path, place: Path) -> None:
    done = place / f".{archive.name}"
    if done.exists():
        return
    if not archive.is_file():
        raise NoCorpus(f"{archive} is not there, though the manifest names it")
    with tarfile.open(archive) as packed:
        packed.extractall(place, filter="data")
    done.touch()


def _authentication(message: Labelled, view: View) -> Authentication | None:
    told = dict(part.split("=", 1) for part in message.results.split(";") if "=" in part)
    if not told:
        return None
    domain = message.sender.rpartition("@")[2]
    return Authentication(
        spf=Spf(_result(told["spf"]), domain) if "spf" in told else None,
        dkim=_signatures(told["dkim"], view) if "dkim" in told else None,
        dmarc=Dmarc(_result(told["dmarc"]), view.author.domain) if "dmarc" in told else None,
    )


def _signatures(told: str, view: View) -> tuple[Dkim, ...]:
    result = _result(told)
    return () if result is Result.NONE else tuple(Dkim(result, signer) for signer in view.signers)


def _result(word: str) -> Result:
    try:
        return Result(word)
    except ValueError:  # what some receivers say beyond the standard: "bestguesspass"
        return Result.NONE


@lru_cache(maxsize=1)
def _knowledge() -> Knowledge:
    return Knowledge(load_database(open_set(SHIPPED)))
