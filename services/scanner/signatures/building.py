"""From sources to a set: text files of rules (`*.yar`) and of digests (`*.sha256`) in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from gateway.bases.catalogue import Family, Manifest, describe_file, make_manifest, write_manifest
from gateway.bases.source import BadSource, read_source
from gateway.licences.revocations import FILE_NAME as REVOKED_KEYS
from services.scanner.signatures.digests import parse_digests, write_digests
from services.scanner.signatures.rules import compile_rules
from services.scanner.signatures.signatures import COMPILED_RULES, DIGESTS, RULES


def build_set(sources: Path, made: Path, made_at: datetime, *, portable: bool = False) -> Manifest:
    """Make a set of the sources in a folder, in the empty folder `made`.

    A portable set leaves the compiled rules out: any version of YARA-X can use it, at the price of compiling
    them at each start. A list of revoked licence keys goes with it as it is. Raises `BadSource` for the first
    source that is not right.
    """
    rules = _read(sources, "*.yar")
    compiled = compile_rules(rules)
    threats = {
        digest: threat
        for origin, text in _read(sources, "*.sha256").items()
        for digest, threat in parse_digests(text.splitlines(), origin).items()
    }
    if not len(compiled) + len(threats):
        raise BadSource(f"{sources}: holds neither rules (*.yar) nor digests (*.sha256)")

    (made / RULES).write_text("\n".join(rules.values()), encoding="utf-8")
    write_digests(made / DIGESTS, threats)
    files = [
        describe_file(made / RULES, records=len(compiled)),
        describe_file(made / DIGESTS, records=len(threats)),
    ]
    if (revoked := sources / REVOKED_KEYS).exists():
        (made / REVOKED_KEYS).write_bytes(revoked.read_bytes())
        files.append(describe_file(made / REVOKED_KEYS))
    if not portable:
        compiled.write(made / COMPILED_RULES)
        files.append(describe_file(made / COMPILED_RULES))
    manifest = make_manifest(Family.ANTIVIRUS, made_at, files)
    write_manifest(made, manifest)
    return manifest


def _read(sources: Path, pattern: str) -> Mapping[str, str]:
    return {path.name: read_source(path) for path in sorted(sources.glob(pattern))}
