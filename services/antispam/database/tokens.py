"""Text as the database compares it: a row of tokens, the same however a text is laid out.

A token is a word, a sign that speaks (`$`, `%`), or one character of a script that is written without
spaces. So a phrase is a row of tokens in every script, and the border of a word is the border of a token.
"""

from __future__ import annotations

import re
from itertools import islice
from unicodedata import normalize

MOST_TOKENS = 50_000
"""Of one text; a long book has twice as many."""

_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59"  # Thai
    "\u0e81-\u0edf"  # Lao
    "\u1000-\u1049\u1050-\u109f"  # Burmese
    "\u1780-\u17d3\u17d7-\u17dd\u17e0-\u17e9"  # Khmer
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
)
_INDIC = "\u0900-\u0963\u0966-\u096f\u0971-\u0dff"  # their vowel signs are no letters by themselves
_SIGNS = "$%¢£¥฿₩€₫₴₹₺₽₿"

_TOKEN = re.compile(rf"[^\W_{_UNSPACED}{_INDIC}]+|[{_UNSPACED}]+|[{_INDIC}]+|[{_SIGNS}]")
_ASCII_SIGNS = "$%"
_ASCII_SPACED = {
    code: letter if (letter := chr(code).lower()).isalnum() or letter in _ASCII_SIGNS else " "
    for code in range(128)
}
_POINTS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed]+"
)
"""Marks that nobody has to write: Arabic and Hebrew vowels, stretched letters, accents that fit no letter."""

_unspaced = re.compile(f"[{_UNSPACED}]").match
_OTHER_RULES = "\u0300-\u036f\u0590-\u10ff\u1780-\u17ff\u3005-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_has_other_rules = re.compile(f"[{_OTHER_RULES}]").search
"""Finds what is not read like Latin, Greek and Cyrillic: one look, so that these do not pay."""

_counts_beyond_ascii = re.compile(rf"[^\x00-\x7f](?<=[\w{_SIGNS}{_OTHER_RULES}])").search
"""Finds what is more than quotation marks, dashes and pictures, which English has, too."""


def tokens_of(text: str) -> list[str]:
    """The tokens of a text, in its order, at most `MOST_TOKENS`."""
    if not text.isascii():
        text = normalize("NFKC", text)
        if not _counts_beyond_ascii(text):
            text = text.encode("ascii", "replace").decode("ascii")
    if text.isascii():
        # Three passes in C cost a quarter of what an expression does.
        plain = text.translate(_ASCII_SPACED)
        for sign in _ASCII_SIGNS:
            plain = plain.replace(sign, f" {sign} ")
        found = plain.split()
    elif _has_other_rules(text):
        runs = _TOKEN.findall(_POINTS.sub("", text).casefold())
        found = [token for run in runs for token in (run if is_unspaced(run) else (run,))]
    else:
        found = _TOKEN.findall(text.casefold())
    return found if len(found) <= MOST_TOKENS else list(islice(found, MOST_TOKENS))


def is_unspaced(token: str) -> bool:
    """Whether a token is one character of a script without spaces: about half a word."""
    return _unspaced(token) is not None
