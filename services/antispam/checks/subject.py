"""Signs in the Subject."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from gateway.domain.journey import Finding
from services.antispam.randomness import looks_random
from services.antispam.view import View

_TAIL = re.compile(r"(?<![ \t\xa0])[ \t\xa0]{6,}\S{1,40}$")
_CODE = re.compile(r"(?:\s|[-#(\[<_])\s*([A-Za-z0-9]{8,40})[)\]>_ ]*$")
_GAPPY = re.compile(r"(?:\b\w[\s._*-]{1,2}){5,}\w\b")
_ANSWER = re.compile(r"\s*(?:re|aw|sv|antw|odp|vs|回复|答复)\s*(?:\[\d+\])?\s*[:：]", re.IGNORECASE)
_UNDERSCORES = re.compile(r"\w_\w+_\w|^_|_$")
_MARKS = re.compile(r"!{2,}|\?{2,}|\${2,}|!\s*$")
_PRICE = re.compile(
    r"\d\s*%\s*(?:off|discount|rabatt|de desc|de réd)|\$\s?\d|\d\s?[€£$]|\d{1,3}\s*%", re.IGNORECASE
)
_PICTURES = re.compile("[\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f300-\U0001faff]")
_TAGGED = re.compile(r"^\s*(?:[A-Za-z]{2,3}:\s*)*(?:\[[^\]]{1,60}\]\s*)+")


def subject(view: View) -> Iterator[Finding]:
    """Findings about the Subject."""
    if not view.message.subjects:
        yield Finding("subject.missing", "there is no Subject")
        return
    if len(view.message.subjects) > 1:
        yield Finding("subject.several", "there are several Subjects")
    text = view.subject
    if not text:
        yield Finding("subject.empty", "the Subject is empty")
        return
    yield from _ends(view, text)
    yield from _looks(text)
    yield from _claims(view, text)


def _ends(view: View, text: str) -> Iterator[Finding]:
    whole = view.message.subjects[0]
    if _TAIL.search(whole.rstrip("\r\n")) and not text.isspace():
        yield Finding("subject.tail", "the Subject ends in letters far behind its text")
    code = _CODE.search(text)
    if code and not code[1].isdigit() and (looks_random(code[1]) or _mixed_case(code[1])):
        yield Finding("subject.code", f"the Subject ends in letters without a meaning: {code[1][:40]!r}")


def _looks(text: str) -> Iterator[Finding]:
    bare = _TAGGED.sub("", text)
    letters = [char for char in bare if char.isalpha() and char.lower() != char.upper()]
    if (
        len(letters) >= 10
        and sum(char.isupper() for char in letters) > 0.8 * len(letters)
        and " " in bare.strip()
    ):
        yield Finding("subject.capitals", "the Subject is in capitals")
    if _GAPPY.search(text):
        yield Finding("subject.gappy", "words of the Subject are spaced out")
    if _UNDERSCORES.search(text) and text.count("_") >= 2:
        yield Finding("subject.underscores", "words of the Subject are held together by underscores")
    if _MARKS.search(bare):
        yield Finding("subject.exclaims", "the Subject exclaims")
    if _PRICE.search(bare):
        yield Finding("subject.price", "the Subject names a price or a discount")
    if len(_PICTURES.findall(text)) >= 1:
        yield Finding("subject.pictures", "the Subject holds pictures")
    if _styled(text):
        yield Finding(
            "subject.disguised", "letters of the Subject are replaced by others that look like them"
        )


def _claims(view: View, text: str) -> Iterator[Finding]:
    if _ANSWER.match(text) and not view.threaded:
        yield Finding("subject.false_answer", "the Subject claims to answer, but nothing says what")
    if (
        view.threaded
        and view.message.markup
        and not (view.replies or view.forwards or _is_sent_to_many(view))
    ):
        yield Finding(
            "subject.no_answer", "it says that it follows another message, and its Subject does not"
        )
    folded = _TAGGED.sub("", text).casefold()  # lists put their own name in front
    for address in () if view.bulk or view.threaded else view.recipients[:4]:
        local = address.partition("@")[0]
        if address in folded or (len(local) > 4 and re.search(rf"\b{re.escape(local)}\b", folded)):
            yield Finding("subject.names_recipient", "the Subject holds the recipient's address")
            break


def _is_sent_to_many(view: View) -> bool:
    """Whether a program or a list sent it, which join in one thread what is about one thing."""
    return view.bulk or view.discussion or view.has("auto-submitted")


def _mixed_case(word: str) -> bool:
    """Whether capitals stand inside a word as in no name."""
    changes = sum(a.islower() and b.isupper() for a, b in pairwise(word))
    digits = any(char.isdigit() for char in word)
    return changes >= 3 or (changes >= 1 and digits and len(word) >= 10)


def _styled(text: str) -> bool:
    """Whether words hold letters of other scripts or of mathematics, or accents on nearly all."""
    latin = sum("a" <= char <= "z" or "A" <= char <= "Z" for char in text)
    odd = 0
    for char in text:
        if char.isascii():
            continue
        code = ord(char)
        if (
            0x1D400 <= code <= 0x1D7FF
            or 0xFF21 <= code <= 0xFF5A
            or 0x2460 <= code <= 0x24FF
            or code in (0x200B, 0x2060)
        ):
            odd += 2
        elif latin >= 3 and (0x370 <= code <= 0x3FF or 0x400 <= code <= 0x4FF or 0x2C60 <= code <= 0x2DFF):
            odd += 1 if _inside_latin(text, char) else 0
    if odd >= 2:
        return True
    accented = sum(
        not char.isascii() and unicodedata.decomposition(char) != "" and char.isalpha() for char in text
    )
    return latin > 0 and accented >= 5 and accented > 0.35 * (latin + accented)


def _inside_latin(text: str, char: str) -> bool:
    return any(char in word and re.search("[A-Za-z]", word) for word in text.split())
