"""Rules and sets of our own databases, for tests."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from pathlib import Path
from zlib import crc32

from gateway.bases import shelf
from gateway.bases.catalogue import BaseSet
from services.scanner.signatures.building import build_set
from tests.support.bases import MADE_AT


def a_rule(pattern: str = "", *, threat: str, status: str = "infected", condition: str = "$it") -> str:
    """A rule that finds a pattern of YARA's language, or something that has the condition."""
    strings = f"strings: $it = {pattern}" if pattern else ""
    name = f"r{crc32(f'{pattern}{threat}{condition}'.encode())}"
    return (
        f'rule {name} {{ meta: threat = "{threat}" status = "{status}" {strings} condition: {condition} }}\n'
    )


def signatures_in_use(
    place: Path, *rules: str, contents: dict[bytes, str] | None = None, made_at: datetime = MADE_AT
) -> BaseSet:
    """A set with these rules, and the digests of these contents, that the shelf `place` was switched to."""
    sources, made = place.parent / f"sources-{made_at:%s}", place / ".new"
    sources.mkdir(parents=True)
    made.mkdir(parents=True)
    (sources / "rules.yar").write_text("".join(rules))
    lines = [f"{sha256(content).hexdigest()} {threat}" for content, threat in (contents or {}).items()]
    (sources / "list.sha256").write_text("\n".join(lines))
    build_set(sources, made, made_at)
    found = shelf.put(place, made)
    shelf.switch(place, found.manifest.version)
    return found
