"""Plain text: what a person sees of it, and the addresses that stand in it as words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.antispam.reading.addresses import LONGEST_URL, is_top_level

MOST_ADDRESSES = 500

_FLOWED = re.compile(r"(?<=[^ \n]) \n(?=[^ \n>])")
_WITH_SCHEME = re.compile(
    r"(?:https?|ftp):/{1,3}[^\s<>\"'`{}|\\^\[\]]{3,2048}|hxxps?://[^\s<>\"']{3,2048}", re.IGNORECASE
)
_BARE = re.compile(
    r"(?<![\w@.%/=&+-])(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,10}([^\W\d_]{2,24}|xn--[a-z0-9-]{2,59})(?![\w@(-])"
    r"(?::\d{1,5})?(/[^\s<>\"'`{}|\\^\[\]]{0,2048})?",
    re.IGNORECASE,
)
_TRAILING = ".,;:!?)*'\"»”’。，、）】》"
_DOUBTFUL = frozenset(
    ("py", "sh", "pl", "md", "rs", "zip", "mov", "so", "do", "in", "is", "it", "at", "be", "as", "to", "my")
) | frozenset(("me", "no", "by", "am", "pm", "id", "cc", "us"))
"""Top-level domains that are more often a file name, or a word behind a full stop without a space."""


def as_seen(text: str, *, flowed: bool = False) -> str:
    """The text with its lines as they are shown, and single spaces."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if flowed:
        text = _FLOWED.sub(" ", text)  # RFC 3676: a line that ends with a space goes on
    return lines(text)


def lines(text: str) -> str:
    """The text with single spaces, and without empty lines."""
    return "\n".join(filter(None, map(single_spaced, text.split("\n"))))


def single_spaced(line: str) -> str:
    """The text in one line, with single spaces."""
    line = line.strip()
    # Of all white space only the space is printable.
    return line if "  " not in line and line.isprintable() else " ".join(line.split())


def addresses_in(text: str, *, bare: bool = True) -> Iterator[str]:
    """Each address that stands in the text, once, in order; with `bare` also host names that stand alone."""
    met: dict[str, None] = {}
    for token in text.split():
        if ("." not in token or "." not in token[1:-1]) and "://" not in token:
            continue
        for address in _in_token(token[: 2 * LONGEST_URL], bare=bare):
            if address not in met:
                met[address] = None
                yield address
                if len(met) >= MOST_ADDRESSES:
                    return


def _in_token(token: str, *, bare: bool) -> Iterator[str]:
    if "://" in token or ":/" in token:
        found = [one[0] for one in _WITH_SCHEME.finditer(token)]
        if found:
            yield from (_trimmed(one) for one in found)
            return
    if not bare or token.startswith((".", "..")) or "@" in token or len(token) > 512:
        return
    for name in _BARE.finditer(token):
        if _is_meant(name[0], name[1].lower(), has_path=bool(name[2])):
            yield f"http://{_trimmed(name[0])}"


def _is_meant(bare: str, top: str, *, has_path: bool) -> bool:
    """Whether a host name that stands in a text is meant as an address."""
    if bare[:4].lower() == "www.":
        return True
    return is_top_level(top) and (has_path or (top not in _DOUBTFUL and (bare.islower() or bare.isupper())))


def _trimmed(address: str) -> str:
    if address[:4].lower() == "hxxp":
        address = "http" + address[4:]
    trimmed = address.rstrip(_TRAILING)
    # A closing bracket belongs to an address that has the opening one.
    return address[: len(trimmed) + 1] if "(" in trimmed and address[len(trimmed) :][:1] == ")" else trimmed
