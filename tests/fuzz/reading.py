"""Feeds the reading of the spam filter with whatever leads to new paths through it.

`python -m tests.fuzz.reading FOLDER [OPTIONS]`: as `tests.fuzz.harness` does for the scanner.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["services.antispam"]):
    from services.antispam.message import Message
    from services.antispam.reading.links import MOST_LINKS
    from services.antispam.reading.reading import read_whole
    from services.antispam.reading.texts import MOST_CHARACTERS

_PAGE = b"Content-Type: text/html; charset=utf-8\r\n\r\n"


def look_at(content: bytes) -> None:
    """Read an input as a message and as a page, and check what must always hold."""
    for message in (content, _PAGE + content):
        found = read_whole(message)
        _check(found)
        if read_whole(message) != found:
            raise AssertionError("a message reads differently the second time")


def _check(message: Message) -> None:
    if len(message.text) > 2 * MOST_CHARACTERS or len(message.links) > MOST_LINKS:
        raise AssertionError("more was read than there is room for")
    for text in (message.text, message.hidden, message.plain, message.words):
        text.encode()


if __name__ == "__main__":
    atheris.Setup(sys.argv, look_at)
    atheris.Fuzz()
