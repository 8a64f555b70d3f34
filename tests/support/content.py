"""The content database that comes with the gateway, and small ones of a few lines."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from gateway.bases import shelf
from gateway.bases.catalogue import BaseSet, open_set
from services.antispam.database.building import build_set
from services.antispam.database.database import SHIPPED, SOURCES, Database, load_database
from services.antispam.database.motifs import MOTIFS
from services.antispam.knowledge import Knowledge
from services.antispam.statistics.model import MODEL
from services.antispam.statistics.words import WORDS
from tests.support.bases import MADE_AT

SHIPPED_DATABASE = load_database(open_set(SHIPPED))
SHIPPED_KNOWLEDGE = Knowledge(SHIPPED_DATABASE)

CATEGORIES = (SOURCES / "categories.tsv").read_text(encoding="utf-8")


def content_sources(
    folder: Path, *terms: str, samples: Mapping[str, str] | None = None, categories: str = CATEGORIES
) -> Path:
    """Sources with these terms (`2 phishing your account`), and samples by `category/name`.

    All else is as in the sources of the database that comes with the gateway.
    """
    (folder / "terms").mkdir(parents=True)
    for name in (MOTIFS, MODEL, WORDS):
        shutil.copyfile(SOURCES / name, folder / name)
    shutil.copytree(SOURCES / "tables", folder / "tables")
    (folder / "categories.tsv").write_text(categories, encoding="utf-8")
    lines = ("\t".join(term.split(" ", 2)) for term in terms)
    (folder / "terms" / "en.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for name, text in (samples or {}).items():
        path = folder / "samples" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def a_database(folder: Path, *terms: str, samples: Mapping[str, str] | None = None) -> Database:
    """The database of such sources."""
    made = folder / "made"
    made.mkdir(parents=True)
    build_set(content_sources(folder / "sources", *terms, samples=samples), made, MADE_AT)
    return load_database(open_set(made))


def content_in_use(
    place: Path, *terms: str, words: str | None = None, made_at: datetime = MADE_AT
) -> BaseSet:
    """A set of such terms that the shelf `place` was switched to; with `words` instead of those learnt."""
    made = place / ".new"
    made.mkdir(parents=True)
    sources = content_sources(place.parent / f"sources-{made_at:%s}", *terms)
    if words is not None:
        (sources / WORDS).write_text(words, encoding="utf-8")
    build_set(sources, made, made_at)
    found = shelf.put(place, made)
    shelf.switch(place, found.manifest.version)
    return found
