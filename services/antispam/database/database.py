"""One version of the content database in memory: what all sources have become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.bases.catalogue import BaseSet, UnusableSet
from gateway.bases.source import BadSource
from services.antispam.database.categories import Categories, parse_categories
from services.antispam.database.fingerprints import Numbers, fingerprint
from services.antispam.database.motifs import MOTIFS, Motifs, parse_motifs
from services.antispam.database.samples import SAMPLES, Samples, read_samples
from services.antispam.database.tables import TABLES, Tables, parse_tables
from services.antispam.database.terms import Terms, read_phrases
from services.antispam.database.tokens import tokens_of
from services.antispam.facts import Resemblance, Term, Wording
from services.antispam.statistics.model import MODEL, BadModel, Model, read_model
from services.antispam.statistics.words import WORDS, Words, read_words

CATEGORIES = "categories.tsv"
TERMS = "terms.tsv"

FILES = (CATEGORIES, TERMS, MOTIFS, *TABLES, MODEL, WORDS, *SAMPLES)
"""What a set is made of."""

SHIPPED = Path(__file__).parent / "shipped"
"""The set that comes with the gateway."""

SOURCES = Path(__file__).parent / "sources"
"""What it was built from."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the database says of a text."""

    tokens: Sequence[str] = ()  # of the whole text
    numbers: Numbers | None = None  # its fingerprint; None: it is too short
    terms: tuple[Term, ...] = ()
    wording: Wording | None = None  # what its words say; None: none is known
    resemblances: tuple[Resemblance, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Database:
    """What is known of spam."""

    version: str  # of its set
    edition: str  # records and day, as `X-SpamTest-Info` shows them: `28123/261122`
    categories: Categories
    terms: Terms
    samples: Samples
    motifs: Motifs
    tables: Tables
    model: Model
    words: Words

    def look(self, words: str, subjects: Sequence[str]) -> Known:
        """What is known of a text (`Message.words`) with these Subjects."""
        subject = tokens_of("\n".join(subjects))
        tokens = tokens_of(words) or subject
        numbers = fingerprint(tokens)
        return Known(
            tokens,
            numbers,
            self.terms.found_in(tokens, subject),
            self.words.of(tokens, subject),
            self.samples.like(numbers) if numbers is not None else (),
        )


def load_database(source: BaseSet) -> Database:
    """The content database of a set. Raises `UnusableSet`."""
    folder, manifest = source.folder, source.manifest
    described = {file.name for file in manifest.files}
    if missing := [name for name in FILES if name not in described]:
        raise UnusableSet(f"{folder}: has no {', '.join(missing)}")
    try:
        categories = parse_categories(_read(folder / CATEGORIES), str(folder / CATEGORIES))
        terms = Terms(read_phrases(_read(folder / TERMS)), categories)
        motifs = parse_motifs(_read(folder / MOTIFS), MOTIFS)
        tables = parse_tables({name: _read(folder / name) for name in TABLES})
        words = read_words(_read(folder / WORDS), WORDS)
    except (BadSource, ValueError) as problem:
        raise UnusableSet(f"{folder}: {problem}") from problem
    try:
        model = read_model((folder / MODEL).read_bytes())
    except BadModel as problem:
        raise UnusableSet(f"{folder / MODEL}: {problem}") from problem
    return Database(
        manifest.version,
        f"{manifest.records}/{manifest.made_at:%y%m%d}",
        categories,
        terms,
        read_samples(folder),
        motifs,
        tables,
        model,
        words,
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
