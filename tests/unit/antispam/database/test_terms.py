from __future__ import annotations

import pytest

from gateway.bases.source import BadSource
from services.antispam.database.categories import parse_categories
from services.antispam.database.terms import Terms, parse_phrases, read_phrases, write_phrases
from services.antispam.database.tokens import tokens_of
from tests.support.content import CATEGORIES

LISTED = parse_categories(CATEGORIES, "categories.tsv")


def terms(*lines: str) -> Terms:
    return Terms(parse_phrases({"en.tsv": "\n".join(lines)}, LISTED), LISTED)


def found(lines: list[str], text: str, subject: str = "") -> list[str]:
    words = tokens_of(f"{subject}\n{text}")
    return [term.text for term in terms(*lines).found_in(words, tokens_of(subject))]


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("verify your account", "Please VERIFY\r\n your   account!"),
        ("you've won", "YOU’VE   WON!"),
        ("100 % free", "100% FREE"),
        ("win", "win"),
        ("*gewinn", "Ihr Lottogewinn wartet"),
        ("аккаунт*", "Ваши аккаунты закрыты"),
        ("*gewinn*", "Sofortgewinne"),
        ("在线赌场", "欢迎来到在线 赌-场！"),
        ("加微信", "请加微信号"),
        ("オンラインカジノ", "新しいオンラインカジノです"),
        ("เงินกู้ด่วน", "บริการเงินกู้ด่วนทันใจ"),
        ("무료 대출", "지금 무료 대출!"),
        ("قرض سريع", "قَرْض سَرِيع"),
        ("बैंक खाता", "आपका बैंक खाता।"),
        ("$ million", "the sum of 5$ million"),
    ],
)
def test_a_phrase_is_found_however_it_is_laid_out(phrase: str, text: str) -> None:
    assert len(found([f"1\tphishing\t{phrase}"], text)) == 1


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("win", "windows"),
        ("win", "twin"),
        ("кредит", "кредитор"),
        ("قرض", "قرضاوي"),
        ("무료", "무료로"),
        ("*gewinn", "Gewinner"),
        ("аккаунт*", "моаккаунт"),
        ("free money", "free the money"),
        ("在线赌场", "在线的赌场"),
    ],
)
def test_a_phrase_is_not_found_in_parts_of_words(phrase: str, text: str) -> None:
    assert found([f"1\tphishing\t{phrase}"], text) == []


def test_a_term_counts_once_and_neighbours_may_share_a_word_border() -> None:
    lines = ["1\tloans\tfree money", "1\tloans\tmoney back", "1\tloans\tcash"]

    assert found(lines, "cash, cash, cash: free money back") == ["cash", "free money", "money back"]


def test_a_phrase_within_a_longer_one_at_the_same_place_does_not_count_beside_it() -> None:
    lines = ["1\tloans\tmoney", "1\tloans\tfree money"]

    assert found(lines, "free money") == ["free money"]
    assert found(lines, "free money for money") == ["free money", "money"]


def test_a_phrase_of_the_subject_is_found_there_alone() -> None:
    lines = ["2\tautoreply\tautomatic reply\tsubject", "1\tloans\treply"]

    assert found(lines, "an automatic reply") == ["reply"]
    assert found(lines, "", "Automatic reply: hello") == ["automatic reply", "reply"]


def test_a_set_keeps_phrases_as_they_are() -> None:
    phrases = parse_phrases({"a": "0.3\tloans\t*zinsen*\n2.5\tautoreply\tabwesend\tsubject"}, LISTED)

    assert read_phrases(write_phrases(phrases)) == phrases
    assert [phrase.text for phrase in phrases] == ["abwesend", "*zinsen*"]


def test_a_line_of_choices_stands_for_every_phrase_that_they_make() -> None:
    phrases = parse_phrases({"a": "1\tloans\t{cheap|quick} {credit*|loan}"}, LISTED)

    assert [phrase.text for phrase in phrases] == [
        "cheap credit*",
        "cheap loan",
        "quick credit*",
        "quick loan",
    ]


def test_of_a_phrase_in_two_files_the_lower_weight_holds() -> None:
    [phrase] = parse_phrases({"de": "1\tgambling\tCasino", "en": "0.5\tgambling\tcasino"}, LISTED)

    assert phrase.weight == 0.5


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("1\tloans", "one tab between"),
        ("1\tloans\ta b\tsubject\tmore", "one tab between"),
        ("4\tloans\tmoney", "'4' is no weight"),
        ("nan\tloans\tmoney", "'nan' is no weight"),
        ("one\tloans\tmoney", "'one' is no weight"),
        ("1\tlones\tmoney", "no category 'lones'"),
        ("1\tloans\tmoney\theader", "'header' is no place"),
        ("1\tloans\t!!!", "is no phrase"),
        ("1\tloans\ta b c d e f g h i j k l m", "more than 12 words"),
        ("1\tloans\tfree* money", "neither its first nor its last"),
        ("1\tloans\tlo*", "too short beside"),
        ("1\tloans\t金", "one character alone"),
        ("1\tloans\t" + "{a|b}" * 10, "stands for more than 1,000 phrases"),
        ("1\tloans\tfree {mo|*ney} now", "neither its first nor its last"),
    ],
)
def test_a_line_that_is_not_right_is_told_with_its_place(line: str, why: str) -> None:
    with pytest.raises(BadSource, match=r"^en\.tsv, line 3: .*") as refused:
        terms("# comment", "", line)

    assert why in str(refused.value)


def test_a_phrase_of_two_categories_is_refused_with_both_places() -> None:
    with pytest.raises(BadSource, match=r"b, line 1: 'casino' is loans here, and gambling in a, line 1"):
        parse_phrases({"a": "1\tgambling\tcasino", "b": "1\tloans\tcasino"}, LISTED)
