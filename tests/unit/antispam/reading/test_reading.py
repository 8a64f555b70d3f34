from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from services.antispam.message import Attachment, Link, Message
from services.antispam.reading.reading import read_whole

CASES = sorted((Path(__file__).parents[3] / "corpus" / "antispam" / "reading").glob("*.eml"))


def described(message: Message) -> str:
    """What was read, in lines."""
    rows = [
        *(f"subject: {subject}" for subject in message.subjects),
        *(f"seen: {line}" for line in message.text.splitlines()),
        *(f"hidden: {line}" for line in message.hidden.splitlines()),
        *(f"plain: {line}" for line in message.plain.splitlines()),
        *(f"words: {line}" for line in message.words.splitlines()),
        *map(_link, message.links),
        *map(_attachment, message.attachments),
        *(f"disguise: {one.kind} {one.count} {one.example!r}" for one in message.disguises),
        *([_markup(message)] if message.markup else []),
        f"parts: {' '.join(message.parts)}",
        f"charsets: {' '.join(message.charsets)}",
        *(f"trouble: {trouble}" for trouble in message.troubles),
    ]
    return "".join(f"{row}\n" for row in rows)


def _attachment(one: Attachment) -> str:
    kind = one.kind or "-"
    return f"attachment: {one.name!r} {one.content_type} {kind} {one.text!r} {one.trouble}".rstrip()


def _link(link: Link) -> str:
    marks = (" hidden" if link.hidden else "") + (f" via {link.via}" if link.via else "")
    return f"link: {link.source} {link.url} {link.host or '-'} {link.domain or '-'} {link.text!r}{marks}"


def _markup(message: Message) -> str:
    values = asdict(message.markup) if message.markup else {}
    told = [f"{name}={value}" for name, value in values.items() if value]
    return f"markup: {' '.join(told)}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_message_reads_as_its_file_says(case: Path) -> None:
    assert described(read_whole(case.read_bytes())) == case.with_suffix(".read").read_text(encoding="utf-8")
