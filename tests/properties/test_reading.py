from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.antispam.message import Message
from services.antispam.reading.charsets import text_of
from services.antispam.reading.disguises import Disguises, undisguised
from services.antispam.reading.html import read_html
from services.antispam.reading.links import MOST_LINKS
from services.antispam.reading.reading import read_whole
from services.antispam.reading.texts import MOST_CHARACTERS

PIECES = st.sampled_from(
    [
        *("<p>", "</p>", "<b>", "</b>", "<a href='http://a.example/'>", "</a>", "<table><tr><td>", "</td>"),
        *("<div style='display:none'>", "</div>", "<style>.a{color:#fff", "}", "</style>", "<!--", "-->"),
        *("<font color=white>", "</font>", "<script>", "</script>", "<title>", "&#86;", "&nbsp;", "&", "<"),
        *("\u200b", "\u202e", "\u202c", "п", "a", "v i a g r a", " ", "\n", '="', "'", ">", "\0", "\ud7ff"),
        *("<pre>", "</pre>", "<textarea>", "<svg><style>", "<![CDATA[", "</body>", "<head>", "<noscript>"),
    ]
)
TYPES = st.sampled_from([b"text/plain", b"text/html", b"application/pdf", b"image/png", b"message/rfc822"])
CHARSETS = st.sampled_from(
    [
        "",
        "utf-8",
        "us-ascii",
        "iso-2022-jp",
        "gb2312",
        "koi8-r",
        "utf-7",
        "utf-16",
        "hz",
        "punycode",
        "nonsense",
    ]
)


def check_bounds(message: Message) -> None:
    assert len(message.text) <= 2 * MOST_CHARACTERS
    assert len(message.words) <= 8 * MOST_CHARACTERS
    assert len(message.links) <= MOST_LINKS
    for text in (message.text, message.hidden, message.plain, message.words):
        text.encode()


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_message(content: bytes) -> None:
    check_bounds(read_whole(content))


@given(TYPES, CHARSETS, st.binary(max_size=500))
def test_any_bytes_are_a_part_of_any_type(content_type: bytes, charset: str, content: bytes) -> None:
    head = b"Content-Type: " + content_type + b"; charset=" + charset.encode() + b"\r\n"

    check_bounds(read_whole(head + b"\r\n" + content))
    check_bounds(read_whole(head + b"Content-Disposition: attachment\r\n\r\n" + content))


@given(st.lists(PIECES, max_size=60))
def test_any_markup_is_a_page(pieces: list[str]) -> None:
    page = read_html("".join(pieces), Disguises())

    assert page.markup.size >= page.markup.hidden - page.markup.size


@given(st.lists(PIECES, max_size=40))
def test_the_same_message_reads_the_same(pieces: list[str]) -> None:
    raw = b"Content-Type: text/html; charset=utf-8\r\n\r\n" + "".join(pieces).encode()

    assert asdict(read_whole(raw)) == asdict(read_whole(raw))


@given(st.text(max_size=300))
def test_words_out_of_disguise_need_no_second_look(text: str) -> None:
    undisguised(text, Disguises()).encode()


@given(
    st.text(
        alphabet=st.characters(whitelist_categories=["Lu", "Ll", "Zs"], max_codepoint=0x52F), max_size=200
    )
)
def test_words_of_one_alphabet_are_left_as_they_are(text: str) -> None:
    for low, high in ((0x41, 0x7A), (0x410, 0x44F)):
        plain = "".join(one for one in text if one == " " or (low <= ord(one) <= high and one.isalpha()))
        words = " ".join(f"{word}{word}" for word in plain.split() if len(word) > 1)
        disguises = Disguises()

        assert undisguised(f"{words} {'стол' if low > 0x100 else 'desk'}", disguises).startswith(
            words.casefold()
        )


@given(CHARSETS, st.binary(max_size=300))
def test_any_bytes_are_text_in_any_charset(charset: str, content: bytes) -> None:
    text, _ = text_of(content, charset)

    text.encode()


HOSTILE = {
    "deep": "<div>" * 20_000,
    "deep and closed wrongly": "<b><i>" * 10_000 + "</b></i>" * 10_000,
    "unclosed tag": "<a href='" + "x" * 100_000,
    "many attributes": "<p " + "a=b " * 30_000 + ">",
    "unclosed comments": "<!--" * 30_000,
    "style without rules": "<style>" + "a" * 100_000 + "</style>",
    "style of braces": "<style>" + "{" * 50_000 + "}" * 50_000 + "</style>",
    "style of comments": "<style>" + "/*" * 50_000 + "</style>",
    "entities": "&#86" * 40_000,
    "one long word": "a" * 200_000,
    "dots": "a." * 100_000,
    "letters": "a " * 100_000,
    "letters and marks": "a.b-" * 50_000,
    "digits": "a1" * 100_000,
    "addresses": "http://a.example/" * 10_000,
    "redirectors": "<a href='" + "http://a.example/?u=" * 100 + "'>" * 100,
    "override": "\u202ea" * 50_000,
    "invisible": "a\u200b" * 50_000,
    "two alphabets": "aп" * 50_000,
    "noscript": "<noscript " * 20_000,
    "classes": "<style>" + ".a{color:red}" * 5000 + "</style>" + "<p class='" + "a " * 1000 + "'>x</p>" * 100,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_read_within_its_bounds(name: str) -> None:
    content = HOSTILE[name].encode()
    for content_type in (b"text/html", b"text/plain"):
        check_bounds(read_whole(b"Content-Type: " + content_type + b"; charset=utf-8\r\n\r\n" + content))
