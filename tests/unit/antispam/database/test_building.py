from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.bases.catalogue import UnusableSet, open_set
from gateway.bases.library import Library
from gateway.bases.source import BadSource
from services.antispam.database.building import build_set
from services.antispam.database.database import MODEL, SHIPPED, TERMS, load_database
from tests.support.bases import MADE_AT
from tests.support.content import a_database, content_in_use, content_sources

TEXT = (
    "dear winner your prize of many dollars waits for you since last week please send us the fee "
    "for the bank at once"
)


def built(sources: Path, folder: Path) -> Path:
    folder.mkdir()
    build_set(sources, folder, MADE_AT)
    return folder


def test_a_database_knows_terms_and_samples(tmp_path: Path) -> None:
    database = a_database(tmp_path, "2 lottery you won", samples={"lottery/first": TEXT})

    known = database.look(f"You won! {TEXT}", ["You won"])

    assert [(term.text, term.category) for term in known.terms] == [("you won", "Lottery prizes")]
    [like] = known.resemblances
    assert (like.sample, like.category) == ("first", "Lottery prizes")
    assert like.likeness > 0.8


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    sources = content_sources(tmp_path / "sources", "1 loans money", samples={"loans/a": TEXT})
    (sources / MODEL).write_bytes(b"a model")

    one, two = built(sources, tmp_path / "one"), built(sources, tmp_path / "two")

    assert {path.name: path.read_bytes() for path in one.iterdir()} == {
        path.name: path.read_bytes() for path in two.iterdir()
    }
    assert (one / MODEL).read_bytes() == b"a model"


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        ({"lones/a": TEXT}, "there is no category 'lones'"),
        ({"loans/a": "too short"}, "a.txt: says too little for a sample: it needs 20 words"),
    ],
)
def test_a_sample_that_is_not_right_is_told(tmp_path: Path, samples: dict[str, str], why: str) -> None:
    sources = content_sources(tmp_path / "sources", "1 loans money", samples=samples)

    with pytest.raises(BadSource, match=why):
        build_set(sources, tmp_path, MADE_AT)


def test_sources_without_terms_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match=r"terms: holds no terms \(\*\.tsv\)"):
        build_set(content_sources(tmp_path / "sources"), tmp_path, MADE_AT)


def test_a_set_whose_files_say_something_else_than_their_version_knows_is_not_used(tmp_path: Path) -> None:
    made = built(content_sources(tmp_path / "sources", "1 loans money"), tmp_path / "made")
    found = open_set(made)
    (made / TERMS).write_text("what is this?")

    with pytest.raises(UnusableSet):
        load_database(found)


async def test_a_new_set_takes_over_without_a_gap(tmp_path: Path) -> None:
    place = tmp_path / "bases" / "as"
    content_in_use(place, "1 loans money")
    library = Library(place, SHIPPED, load_database)
    await library.open()
    before = library.current.content

    content_in_use(place, "1 loans cash", made_at=MADE_AT + timedelta(days=1))
    looking = asyncio.create_task(library.look())
    while not looking.done():
        assert library.current.content.terms
        await asyncio.sleep(0)

    assert [term.text for term in before.look("money and cash", ()).terms] == ["money"]
    assert [term.text for term in library.current.content.look("money and cash", ()).terms] == ["cash"]
