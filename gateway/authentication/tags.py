"""Tag lists, `v=1; a=rsa-sha256`: how DKIM, ARC and DMARC write what they say (RFC 6376 §3.2)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping

LONGEST_LIST = 16_384
"""Bytes. A signature has some 600, a key of 4096 bits some 800."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_FOLDING = " \t\r\n"
_DIGITS = re.compile(r"[0-9]{1,20}")


class TagError(Exception):
    """A tag list says nothing that can be used; the message says why."""


def read_tags(written: bytes) -> Mapping[str, str]:
    """The tags of a list by name, values without white space around them. Raises `TagError`."""
    if len(written) > LONGEST_LIST:
        raise TagError("it is too long")
    try:
        *parts, last = written.decode("utf-8").split(";")
    except UnicodeDecodeError:
        raise TagError("it is not UTF-8") from None

    tags: dict[str, str] = {}
    for part in [*parts, last] if last.strip(_FOLDING) else parts:
        name, equals, value = part.partition("=")
        name = name.strip(_FOLDING)
        if not equals or not _NAME.fullmatch(name):
            raise TagError("it has a part that is no tag")
        if name in tags:
            raise TagError(f"{name}= is given twice")
        tags[name] = value.strip(_FOLDING)
    return tags


def required(tags: Mapping[str, str], name: str) -> str:
    """The value of a tag that must be there, and not be empty. Raises `TagError`."""
    value = tags.get(name)
    if not value:
        raise TagError(f"{name}= is missing" if value is None else f"{name}= is empty")
    return value


def number(tags: Mapping[str, str], name: str) -> int | None:
    """A number, or None where the tag is not given. Raises `TagError`."""
    value = tags.get(name)
    if value is None:
        return None
    if not _DIGITS.fullmatch(value):
        raise TagError(f"{name}= is no number")
    return int(value)


def words(value: str) -> tuple[str, ...]:
    """The parts of a list with colons, in lower case."""
    return tuple(word.strip(_FOLDING).lower() for word in value.split(":"))


def from_base64(value: str, name: str) -> bytes:
    """What a tag has in base64, folded anywhere. Raises `TagError`."""
    try:
        return binascii.a2b_base64("".join(value.split()), strict_mode=True)
    except ValueError:
        raise TagError(f"{name}= is not base64") from None
