"""The content database that comes with the gateway."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.bases.catalogue import MANIFEST, read_manifest
from services.antispam.database.building import build_set
from services.antispam.database.database import SHIPPED, SOURCES
from tests.support.content import SHIPPED_DATABASE


def test_it_is_what_its_sources_build(tmp_path: Path) -> None:
    shipped = read_manifest(SHIPPED)

    build_set(SOURCES, tmp_path, shipped.made_at)

    for name in (MANIFEST, *(file.name for file in shipped.files)):
        assert (tmp_path / name).read_bytes() == (SHIPPED / name).read_bytes(), "run make bases"


def test_its_edition_is_its_records_and_its_day() -> None:
    shipped = read_manifest(SHIPPED)

    assert SHIPPED_DATABASE.edition == f"{shipped.records}/{shipped.made_at:%y%m%d}"


def test_it_knows_invectives() -> None:
    [term] = SHIPPED_DATABASE.look("What BULLSHIT is this?", ()).terms

    assert (term.text, term.category, term.counts) == ("bullshit", "Obscene", False)


SAMPLES = sorted((SOURCES / "samples").rglob("*.txt"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_known_again_when_every_fifteenth_word_is_another(sample: Path) -> None:
    words = sample.read_text(encoding="utf-8").split()
    changed = " ".join(f"other{place}" if place % 15 == 7 else word for place, word in enumerate(words))

    [nearest, *_] = SHIPPED_DATABASE.look(changed, ()).resemblances

    category = SHIPPED_DATABASE.categories.find(sample.parent.name)
    assert category
    assert (nearest.sample, nearest.category) == (sample.stem, category.name)
    assert nearest.likeness > 0.45
