"""`python -m cli.maker.model`: learns what findings and words say, from labelled mail."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from gateway.runtime.exitcodes import ExitCode
from gateway.version import VERSION
from services.antispam.database.database import SOURCES
from services.antispam.statistics.corpus import NoCorpus, corpus_in, examine_all, written_mail
from services.antispam.statistics.model import MODEL, write_model
from services.antispam.statistics.training import train, train_words
from services.antispam.statistics.words import WORDS, write_words

NOT_TO_BE_LEARNT = ("phishing_pot",)
"""Beginnings of the names of sources whose licence lets nobody ship what was learnt from them."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "-v", "--version")
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("sources", type=click.Path(file_okay=False, path_type=Path), default=SOURCES)
def train_model(corpus: Path, sources: Path) -> None:
    """Learn from the messages in CORPUS and from the mail written for the project; write into SOURCES.

    CORPUS is a folder with manifest.tsv and the archives that it names. The content database takes up what
    was learnt when it is built next.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="mailwarden-corpus-") as unpacked:
            messages = [
                message
                for message in corpus_in(corpus, Path(unpacked))
                if not message.source.startswith(NOT_TO_BE_LEARNT)
            ]
            examined = examine_all([*messages, *written_mail()])
    except NoCorpus as problem:
        print(problem, file=sys.stderr)
        sys.exit(ExitCode.SYSTEM_ERROR)
    model, words = train(examined), train_words(examined)
    (sources / MODEL).write_bytes(write_model(model))
    (sources / WORDS).write_text(write_words(words), encoding="utf-8")
    print(f"{sources / MODEL}: {len(model.weights)} features from {len(examined)} messages")
    print(f"{sources / WORDS}: {len(words.weights)} words")


if __name__ == "__main__":
    train_model()
