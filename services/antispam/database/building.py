"""From sources to a set: `sources/README.md` tells what they are."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from gateway.bases.catalogue import Family, Manifest, describe_file, make_manifest, write_manifest
from gateway.bases.source import BadSource, read_source
from services.antispam.database.categories import Categories, parse_categories
from services.antispam.database.database import CATEGORIES, TERMS
from services.antispam.database.fingerprints import LEAST_WORDS
from services.antispam.database.lines import lines_of
from services.antispam.database.motifs import MOTIFS, parse_motifs
from services.antispam.database.samples import (
    BANDS,
    FINGERPRINTS,
    NAMES,
    OWNERS,
    Sample,
    gather,
    sample_of,
    write_samples,
)
from services.antispam.database.tables import TABLES, parse_tables
from services.antispam.database.terms import parse_phrases, write_phrases
from services.antispam.statistics.model import MODEL, BadModel, Model, read_model
from services.antispam.statistics.words import WORDS, read_words


def build_set(sources: Path, made: Path, made_at: datetime) -> Manifest:
    """Make a set of the sources in a folder, in the empty folder `made`; the same ones give the same bytes.

    Raises `BadSource` for the first source that is not right.
    """
    listed = sources / CATEGORIES
    categories = parse_categories(read_source(listed), str(listed))
    texts = {str(path): read_source(path) for path in sorted((sources / "terms").glob("*.tsv"))}
    phrases = parse_phrases(texts, categories)
    if not phrases:
        raise BadSource(f"{sources / 'terms'}: holds no terms (*.tsv)")
    samples = gather(_samples(sources / "samples", categories))
    motifs = parse_motifs(read_source(sources / MOTIFS), str(sources / MOTIFS))
    tables = {name: read_source(sources / "tables" / name) for name in TABLES}
    parse_tables(tables)
    model = _model(sources / MODEL)
    words = read_words(read_source(sources / WORDS), str(sources / WORDS))

    for source in (
        listed,
        sources / MOTIFS,
        sources / MODEL,
        sources / WORDS,
        *(sources / "tables" / name for name in TABLES),
    ):
        shutil.copyfile(source, made / source.name)
    (made / TERMS).write_text(write_phrases(phrases), encoding="utf-8")
    write_samples(made, samples)
    files = [
        describe_file(made / CATEGORIES, records=len(categories)),
        describe_file(made / TERMS, records=len(phrases)),
        describe_file(made / FINGERPRINTS, records=len(samples)),
        *(describe_file(made / name) for name in (BANDS, OWNERS, NAMES)),
        describe_file(made / MOTIFS, records=len(motifs.phrases)),
        *(
            describe_file(made / name, records=sum(1 for _ in lines_of(text, name)))
            for name, text in tables.items()
        ),
        describe_file(made / MODEL, records=len(model.weights)),
        describe_file(made / WORDS, records=len(words.weights)),
    ]
    manifest = make_manifest(Family.ANTISPAM, made_at, files)
    write_manifest(made, manifest)
    return manifest


def _samples(folder: Path, categories: Categories) -> Iterator[Sample]:
    for path in sorted(folder.glob("*/*.txt")):
        category = categories.find(path.parent.name)
        if category is None:
            raise BadSource(f"{path.parent}: there is no category {path.parent.name!r}")
        sample = sample_of(read_source(path), path.stem, category.name)
        if sample is None:
            raise BadSource(f"{path}: says too little for a sample: it needs {LEAST_WORDS} words")
        yield sample


def _model(path: Path) -> Model:
    try:
        return read_model(path.read_bytes())
    except (OSError, BadModel) as problem:
        raise BadSource(f"{path}: {problem}") from problem
