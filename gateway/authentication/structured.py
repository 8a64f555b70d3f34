"""Structured header fields (RFC 5322 §3.2): text with its comments away and its quoted strings told apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LONGEST_LINE = 78
"""Characters after which a line is folded (RFC 5322 §2.1.1)."""

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"?|\\.|[()]|[^()"\\]+|\\', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


def tokens(value: bytes) -> Iterator[str]:
    """What stands in a field outside its comments, which may be nested: quoted strings, and all between."""
    depth = 0
    for part in _TOKENS.findall(_text(value)):
        if part == "(":
            depth += 1
        elif part == ")" and depth:
            depth -= 1
            yield " "  # a comment parts words
        elif not depth:
            yield part


def is_quoted(token: str) -> bool:
    """Whether this is a quoted string."""
    return token.startswith('"')


def unquoted(token: str) -> str:
    """What a quoted string says."""
    return _QUOTED_PAIR.sub(r"\1", token.removeprefix('"').removesuffix('"'))


def folded(start: str, words: Iterable[str]) -> str:
    """A field that begins with `start`, in lines of `LONGEST_LINE` characters where its words allow it."""
    lines = [start]
    for word in words:
        if len(lines[-1]) + len(word) >= LONGEST_LINE:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    return "\r\n\t".join(lines)


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
