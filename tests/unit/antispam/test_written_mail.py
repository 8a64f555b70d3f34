"""What the filter that ships says of mail that was written for it: good mail first.

`tests/corpus/antispam/messages/<case>.eml` is a message, `<case>.categories` what it has to be told of, a
category a line. A case whose name begins with `good-` is good mail.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from gateway.domain.journey import Finding
from gateway.domain.policy import Degree, SpamStatus
from services.antispam.database.composing import compose
from services.antispam.database.written import shipped_texts, shipped_words
from services.antispam.looking import look
from services.antispam.reading.reading import read_whole
from services.antispam.scoring import categories_of, status_of
from tests.support.content import SHIPPED_KNOWLEDGE

CORPUS = Path(__file__).parents[2] / "corpus" / "antispam" / "messages"
CASES = sorted(path.stem for path in CORPUS.glob("*.eml"))
WORDS = shipped_words()
WITHOUT_TERMS = {"el", "he", "zh-hant"}
SEED = 4


def findings_of(message: bytes) -> tuple[Finding, ...]:
    return look(read_whole(message), SHIPPED_KNOWLEDGE, expired=lambda: False).findings


@pytest.mark.parametrize("case", CASES)
def test_a_message_gets_its_categories(case: str) -> None:
    found = findings_of((CORPUS / f"{case}.eml").read_bytes())
    wanted = (CORPUS / f"{case}.categories").read_text(encoding="utf-8").splitlines()

    assert set(wanted) <= set(categories_of(found))
    if case.startswith("good-"):
        assert status_of(found, Degree.STANDARD) is SpamStatus.NOT_DETECTED


def test_good_mail_is_never_called_spam() -> None:
    called = {
        text.name: status
        for text in shipped_texts()
        if text.good
        and (status := status_of(findings_of(compose(text, WORDS, SEED).body), Degree.STANDARD))
        is SpamStatus.SPAM
    }

    assert called == {}


def test_something_is_found_in_four_of_five_bad_messages_of_each_language_with_terms() -> None:
    written: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for text in shipped_texts():
        if not text.good:
            written[text.language] += 1
            told[text.language] += bool(sum(of.score for of in findings_of(compose(text, WORDS, SEED).body)))

    listed = written.keys() - WITHOUT_TERMS
    assert {language for language in listed if told[language] < 0.8 * written[language]} == set()
