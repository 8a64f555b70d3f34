"""Whether a name was made by a person or by dice."""

from __future__ import annotations

import re
from functools import lru_cache

_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{5,}")
_VOWELS = re.compile(r"[aeiouyäöüáéíóúàèùâêîôûåæø]")
_RUNS = re.compile(r"[a-z]+|\d+")
_COMMON = re.compile(r"sch|tsch|ght|str|thr|chr|ngth|rch|mbr|nst|ngs|http|html|mcm|dpt")
_RARE = re.compile(
    r"q(?!u)|[jqxz]{2}|[bcdfgjkmpqvwxz][jqxz]|[jqvwxz][bcdfgkmpqtvwxz]|[fv]q|[bcdfgkmpqtvxz]{4}|vw|wv|yy|uu|iiu"
)


@lru_cache(maxsize=4096)
def looks_random(word: str) -> bool:
    """Whether letters, perhaps with digits, cannot be read aloud in any language of Latin script."""
    lower = word.lower()
    if not lower.isascii() or len(lower) < 6:
        return False
    letters = "".join(char for char in lower if char.isalpha())
    changes = (
        len(_RUNS.findall(lower))
        - 1
        - lower.count("-")
        - lower.count(".")
        - lower.count("_")
        - lower.count("+")
    )
    if changes >= 4 and len(lower) >= 8:
        return True
    if len(letters) < 6:
        return False
    readable = _COMMON.sub("a", letters)
    if _CONSONANTS.search(readable):
        return True
    vowels = len(_VOWELS.findall(readable))
    if len(readable) >= 8 and vowels / len(readable) < 0.15:
        return True
    return len(_RARE.findall(readable)) >= max(2, len(readable) // 6)


@lru_cache(maxsize=4096)
def mixes_digits(word: str) -> bool:
    """Whether digits stand among letters as no person would set them: `qx7k29f2`, not `anna1984` or `b2b`."""
    lower = word.lower()
    runs = _RUNS.findall(lower)
    inner = [run for run in runs[1:-1] if run.isdigit()]
    digits = sum(char.isdigit() for char in lower)
    return (
        bool(inner) and len(runs) >= 3 and digits >= 2 and len(lower) >= 6 and not re.search(r"[._+-]", lower)
    ) or (digits >= 6 and any(char.isalpha() for char in lower) and not re.search(r"[._+-]", lower))
