from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.bases.catalogue import UnusableSet, describe_file, open_set, read_manifest, write_manifest
from gateway.bases.library import Library
from gateway.bases.source import BadSource
from services.antispam.database.building import build_set
from services.antispam.database.database import FILES, SHIPPED, TERMS, load_database
from services.antispam.database.motifs import MOTIFS
from services.antispam.database.tables import BRANDS, FREEMAIL, HOSTING, SHORTENERS, SUFFIXES
from services.antispam.knowledge import Knowledge
from services.antispam.looking import look
from services.antispam.message import read_message
from services.antispam.statistics.model import MODEL, Model, write_model
from services.antispam.statistics.words import WORDS
from services.antispam.view import read_mailbox
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

    one, two = built(sources, tmp_path / "one"), built(sources, tmp_path / "two")

    assert {path.name: path.read_bytes() for path in one.iterdir()} == {
        path.name: path.read_bytes() for path in two.iterdir()
    }


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


@pytest.mark.parametrize("name", FILES)
def test_a_set_without_one_of_its_files_is_not_used(tmp_path: Path, name: str) -> None:
    made = built(content_sources(tmp_path / "sources", "1 loans money"), tmp_path / "made")
    whole = open_set(made).manifest
    write_manifest(made, replace(whole, files=tuple(file for file in whole.files if file.name != name)))

    with pytest.raises(UnusableSet, match=f"made: has no {re.escape(name)}$"):
        load_database(open_set(made))


BROKEN = [
    (MOTIFS, b"plea\ten\n", "motifs.tsv, line 1: a line is motif, language and phrases"),
    (MOTIFS, b"plea\ten\tgod | | bless\n", "motifs.tsv, line 1: a phrase is empty"),
    (MOTIFS, b"# none\n", "motifs.tsv: says nothing"),
    (FREEMAIL, b"a.example\nb.example\tx\n", "freemail.txt, line 2: a line has 1 column, with"),
    (SHORTENERS, b"", "shorteners.txt: says nothing"),
    (HOSTING, b"a.example\n", "hosting.tsv, line 1: a line has 2 columns, with"),
    (SUFFIXES, b"top\t9\n", "tlds.tsv, line 1: '9' is no measure of abuse: 1, 2 or 3"),
    (BRANDS, b"A|\tbank\ta.example\n", "brands.tsv, line 1: a name is empty"),
    (
        BRANDS,
        b"A\tbank\ta.example\twords\n",
        "brands.tsv, line 1: a line has 3 columns, and 'word' or nothing",
    ),
    (MODEL, b"no array", "model.npy: not an array of numpy"),
    (MODEL, write_model(Model({})), "model.npy: knows no feature"),
    (WORDS, b"free\n", "words.tsv, line 1: a line is a word and its weight, with one tab between them"),
    (WORDS, b"free\tmuch\n", "words.tsv, line 1: 'much' is no weight"),
    (WORDS, b"free\tnan\n", "words.tsv, line 1: 'nan' is no weight"),
    (WORDS, b"# none\n", "words.tsv: says nothing"),
]


@pytest.mark.parametrize(("name", "content", "why"), BROKEN)
def test_a_source_that_is_not_right_is_told(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    sources = content_sources(tmp_path / "sources", "1 loans money")
    [path] = sources.rglob(name)
    path.write_bytes(content)

    with pytest.raises(BadSource, match=re.escape(why)):
        build_set(sources, tmp_path, MADE_AT)


@pytest.mark.parametrize(("name", "content", "why"), BROKEN)
def test_a_set_with_a_file_that_is_not_right_is_not_used(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    made = built(content_sources(tmp_path / "sources", "1 loans money"), tmp_path / "made")
    (made / name).write_bytes(content)
    whole = read_manifest(made)
    write_manifest(made, replace(whole, files=tuple(describe_file(made / file.name) for file in whole.files)))

    with pytest.raises(UnusableSet, match=re.escape(why)):
        load_database(open_set(made))


def test_motifs_tables_and_model_are_those_of_the_set(tmp_path: Path) -> None:
    sources = content_sources(tmp_path / "sources", "1 loans money")
    (sources / MOTIFS).write_text("plea\ten\tdear friend\n", encoding="utf-8")
    (sources / "tables" / FREEMAIL).write_text("free.example\n", encoding="utf-8")
    (sources / MODEL).write_bytes(write_model(Model({"from.missing": 1.5})))
    database = load_database(open_set(built(sources, tmp_path / "made")))

    message = read_message(b"Subject: x\r\n\r\n")
    looked = look(message, Knowledge(database), expired=lambda: False)

    assert database.motifs.found_in("oh dear friend") == {"plea": ("dear friend",)}
    assert read_mailbox("a@free.example", database.tables).free
    assert not read_mailbox("a@gmail.com", database.tables).free
    assert ("model", 1.5) in [(finding.check, finding.score) for finding in looked.findings]


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
