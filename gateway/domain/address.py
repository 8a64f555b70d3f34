"""Addresses, and the masks that name many of them: `*` for any text, `?` for any one character."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


def domain_of(address: str) -> str:
    """The domain, lower case; "" for the null sender and for `postmaster` alone."""
    _, at, domain = address.rpartition("@")
    return domain.lower() if at else ""


def matches(mask: str, text: str) -> bool:
    """Whether `mask` names `text`; case does not count."""
    return _compiled(mask).fullmatch(text) is not None


def matches_any(masks: Iterable[str], text: str) -> bool:
    """Whether one of `masks` names `text`."""
    return any(matches(mask, text) for mask in masks)


def covers(mask: str, other: str) -> bool:
    """Whether all that `other` names is named by `mask` too.

    True is certain. False may also mean that only a closer look could tell.
    """
    pattern = "".join(_COVERING.get(char, re.escape(char)) for char in mask)
    return re.fullmatch(pattern, other, re.IGNORECASE | re.DOTALL) is not None


_NAMING = {"*": ".*", "?": "."}
_COVERING = {"*": ".*", "?": "[^*]"}  # read over the other mask's text: its `*` is more than one `?`


def mask_pattern(mask: str) -> re.Pattern[str]:
    """The expression that a mask stands for, to be held against a whole text."""
    # Runs of `*` mean the same as one, and would make the expression slow.
    pattern = "".join(_NAMING.get(char, re.escape(char)) for char in re.sub(r"\*+", "*", mask))
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


@lru_cache(maxsize=4096)
def _compiled(mask: str) -> re.Pattern[str]:
    return mask_pattern(mask)
