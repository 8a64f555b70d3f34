"""Words out of their disguise: what was done to them so that people read them and programs do not.

Nothing of it may hurt a text that is written plainly, in whatever script: only what makes no sense
otherwise is undone.
"""

from __future__ import annotations

import re
import unicodedata

import disarm

from services.antispam.message import Disguise

MOST_KINDS = 32
LONGEST_EXAMPLE = 60
LONGEST_WORD = 64
"""Characters of a word; what is longer is none, and is left as it is."""

_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_JOINERS = "\u200c\u200d"
_LETTERS = "A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u052f\u1e00-\u1fff"
_NOT_SEEN = re.compile(f"[{_INVISIBLE}]+")
# These two begin with what is rare, which is looked for faster than the letter before it.
_JOINED = re.compile(f"[{_JOINERS}](?<=[{_LETTERS}\\d].)[{_JOINERS}]*(?=[{_LETTERS}\\d])")
_SPLIT = re.compile(f"[{_INVISIBLE}{_JOINERS}](?<=[{_LETTERS}].)[{_INVISIBLE}{_JOINERS}]*(?=[{_LETTERS}])")
_SOFT_HYPHEN = "\u00ad"
_RIGHT_TO_LEFT = "\u202e"
_REVERSED = re.compile("\u202e([^\u202c\u202e\n]*)\u202c?")
_OTHER_SHAPES = "\u24b6-\u24e9\U0001d400-\U0001d7ff\U0001f110-\U0001f189\u1d00-\u1d2b"
_FULL_WIDTH = "\uff21-\uff3a\uff41-\uff5a"
_FANCY = re.compile(f"[{_OTHER_SHAPES}]")
_WIDE = re.compile(f"[{_FULL_WIDTH}]{{2}}")
_DISGUISING = re.compile(f"[{_INVISIBLE}{_JOINERS}{_OTHER_SHAPES}{_FULL_WIDTH}]")
"""What most texts beyond ASCII have nothing of."""
_EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_BOXED = str.maketrans(
    {0x1F130 + n: chr(97 + n) for n in range(26)}
    | {0x1F150 + n: chr(97 + n) for n in range(26)}
    | {0x1F170 + n: chr(97 + n) for n in range(26)}
    | dict(zip(map(ord, "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ"), "abcdefghijklmnoprstuvwyz", strict=True))
)
_SEVERAL_SCRIPTS = re.compile(
    "[\u0370-\u03ff\u0400-\u052f\u0531-\u058f\u13a0-\u13ff\u2c80-\u2cff\ua4d0-\ua4ff\uab70-\uabbf]"
)
_LATIN = re.compile("[a-z\u00df-\u024f\u1e00-\u1eff]")
_WORD = re.compile(r"[^\W\d_]+")
_ONLY_LATIN = frozenset("bdfglmnqrtvwzhk")
"""Small letters that look like none of the Cyrillic or Greek alphabet."""
_LIKE_LATIN = frozenset("асеорхуіјѕһԁԛԝӏѵονικαρυχγτ")
"""Small letters that look like Latin ones."""
_AROUND_WORDS = " \t\n.,;:!?()[]\"'"
_MOSTLY = 0.9
_SPACED = re.compile(r"(?<![^\W_])([^\W\d_])(?!\. )([ .*_~^|·•-]{1,3})[^\W\d_](?:\2[^\W\d_]){2,40}(?![^\W_])")
_MAYBE_SPACED = (
    # Each begins with a character that can be looked for fast, and has one letter before it, or behind it.
    (" ", re.compile(r" \w \w \w")),
    *((mark, re.compile(rf"{re.escape(mark)}\w[ .*_~^|·•-]{{1,3}}\w[ .*_~^|·•-]")) for mark in ".*_~^|·•-"),
)
_TALL = re.compile(r"(?<=[a-z])II(?=[a-z])")
_IN_DIGITS = re.compile(r"(?<![^\s(\"'])[a-z]++(?:[013457$][a-z]++)++(?![^\s)\"'.,!?:;])")
_AS_LETTERS = str.maketrans("013457$", "oieasts")
_MAYBE_DIGITS = re.compile(r"[013457$](?<=[a-z].)[a-z]")


class Disguises:
    """The disguises that were met, by kind, in the order they were met first."""

    def __init__(self) -> None:
        self._met: dict[str, tuple[int, str]] = {}

    def note(self, kind: str, example: str, count: int = 1) -> None:
        """A word, or `count` of them, was disguised in this way."""
        before, first = self._met.get(kind, (0, ""))
        if before or len(self._met) < MOST_KINDS:
            self._met[kind] = before + count, first or example.strip(_AROUND_WORDS)[:LONGEST_EXAMPLE]

    def met(self) -> tuple[Disguise, ...]:
        """All of them."""
        return tuple(Disguise(kind, count, example) for kind, (count, example) in self._met.items())


def undisguised(text: str, disguises: Disguises) -> str:
    """The words of `text`, case-folded and as they were meant. What was undone is noted."""
    if not text.isascii():
        if _DISGUISING.search(text):
            text = _plain_letters(_seen_letters(text, disguises), disguises)
        else:
            text = unicodedata.normalize("NFKC", text)
    if "II" in text and (tall := _TALL.search(text)):
        disguises.note("look-alikes", _TALL.sub("ll", _word_at(text, tall.start())))
        text = _TALL.sub("ll", text)
    text = text.casefold()
    if not text.isascii() and _SEVERAL_SCRIPTS.search(text):
        text = _one_script(text, disguises)
    for mark, between in _MAYBE_SPACED:
        if mark in text:
            text = _joined(text, between, disguises)
    if _MAYBE_DIGITS.search(text):
        text = _without_digits(text, disguises)
    return text


def _seen_letters(text: str, disguises: Disguises) -> str:
    """Without the characters that nobody sees, and in the order in which people see the others."""
    if _RIGHT_TO_LEFT in text:
        text = _REVERSED.sub(lambda found: _turned(found[1], disguises), text)
    split = list(_SPLIT.finditer(text))
    hyphens = [found for found in split if set(found[0]) == {_SOFT_HYPHEN}]
    others = split if not hyphens else [found for found in split if set(found[0]) != {_SOFT_HYPHEN}]
    for kind, found in (("zero-width", others), ("soft hyphens", hyphens)):
        if found:
            word = _word_at(text, found[0].start())
            disguises.note(kind, _JOINED.sub("", _NOT_SEEN.sub("", word)), len(found))
    return _JOINED.sub("", _NOT_SEEN.sub("", text))


def _turned(run: str, disguises: Disguises) -> str:
    """What is written from its end to its beginning, to be shown in the other direction."""
    if not _LATIN.search(run.casefold()):
        return run
    plain = _NOT_SEEN.sub("", run)[::-1]
    disguises.note("right-to-left", plain)
    return plain


def _plain_letters(text: str, disguises: Disguises) -> str:
    """Letters of other shapes, as they stand in Unicode for mathematics and boxes, as plain ones."""
    if _FANCY.search(text):
        plain = unicodedata.normalize("NFKC", text.translate(_BOXED))
        found = [word for word in text.split() if len(_FANCY.findall(word)) >= 2]
        if found:
            example = unicodedata.normalize("NFKC", found[0].translate(_BOXED))
            disguises.note("letters of other shapes", example, len(found))
    else:
        plain = unicodedata.normalize("NFKC", text)
    if _WIDE.search(text) and not _EAST_ASIAN.search(text):
        found = [word for word in text.split() if _WIDE.search(word)]
        disguises.note("full-width", unicodedata.normalize("NFKC", found[0]), len(found))
    return plain


def _one_script(text: str, disguises: Disguises) -> str:
    """Words of several scripts as words of the one that they are meant in."""
    letters = sum(map(len, _WORD.findall(text)))
    mostly_latin = len(_LATIN.findall(text)) > _MOSTLY * letters
    meant: dict[str, str] = {}
    for word in _WORD.findall(text):
        if word in meant or word.isascii() or not 3 <= len(word) <= LONGEST_WORD:
            continue
        if not _SEVERAL_SCRIPTS.search(word):
            continue
        plain = _meant(word, mostly_latin=mostly_latin)
        meant[word] = plain
        if plain != word:
            disguises.note("look-alikes", plain)
    if all(plain == word for word, plain in meant.items()):
        return text
    return _WORD.sub(lambda found: meant.get(found[0], found[0]), text)


def _meant(word: str, *, mostly_latin: bool) -> str:
    latin = _LATIN.findall(word)
    others = [letter for letter in word if _SEVERAL_SCRIPTS.match(letter)]
    alike = all(letter in _LIKE_LATIN for letter in others)
    if not latin:
        # A whole word of another alphabet, each letter of which looks like one of ours.
        return disarm.normalize_confusables(word) if mostly_latin and alike and len(word) > 3 else word
    telling = any(letter in _ONLY_LATIN for letter in latin)
    if alike and (telling or mostly_latin or len(latin) > len(others)):
        return disarm.normalize_confusables(word)
    cyrillic = any("\u0400" <= letter <= "\u052f" for letter in others)
    if cyrillic and not telling and len(others) >= len(latin):
        return disarm.normalize_confusables(word, target_script="cyrillic")
    folded = disarm.normalize_confusables(word)
    return folded if len(latin) > len(others) and folded.isascii() and len(latin) > 2 else word


def _joined(text: str, between: re.Pattern[str], disguises: Disguises) -> str:
    """Without what stands between the letters of words, at places that `between` finds."""
    pieces: list[str] = []
    position = 0
    for place in between.finditer(text):
        at = place.start()
        if at < position:
            continue
        found = _SPACED.match(text, max(at - 1, position)) or _SPACED.match(text, at + 1)
        if found:
            word = "".join(_WORD.findall(found[0]))
            disguises.note("spaced-out", word)
            pieces += text[position : found.start()], word
            position = found.end()
    return "".join((*pieces, text[position:]))


def _without_digits(text: str, disguises: Disguises) -> str:
    def read(found: re.Match[str]) -> str:
        word = found[0]
        letters = sum(map(str.isalpha, word))
        if letters < 4 or len(word) > 24 or letters < 3 * (len(word) - letters):
            return word
        plain = word.translate(_AS_LETTERS)
        disguises.note("digits for letters", plain)
        return plain

    return _IN_DIGITS.sub(read, text)


def _word_at(text: str, place: int) -> str:
    start = max(place - LONGEST_WORD, 0)
    around = text[start : place + LONGEST_WORD]
    before = around[: place - start].split()
    return (before[-1] if before else "") + "".join(around[place - start :].split()[:1])
