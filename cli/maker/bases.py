"""`python -m cli.maker.bases`: builds a set of anti-virus databases from its sources."""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import UTC, datetime
from errno import EEXIST
from pathlib import Path

import click

from gateway.bases import shelf
from gateway.bases.catalogue import Family, Manifest
from gateway.runtime.exitcodes import ExitCode
from gateway.version import VERSION
from services.scanner.signatures.building import build_set
from services.scanner.signatures.source import BadSource


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "-v", "--version")
@click.argument("sources", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("place", type=click.Path(file_okay=False, path_type=Path))
@click.option("-m", "--make-only", is_flag=True, help="PLACE becomes the set itself; nothing uses it yet.")
@click.option("-p", "--portable", is_flag=True, help="Without compiled rules, for any version of YARA-X.")
@click.option(
    "-d",
    "--date",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S"]),
    help="The moment in UTC that the set is of, instead of now.",
)
def bases(sources: Path, place: Path, *, make_only: bool, portable: bool, date: datetime | None) -> None:
    """Build a set of anti-virus databases from the rules (*.yar) and digests (*.sha256) in SOURCES.

    PLACE is the gateway's BasesPath: the set is put there and switched to, and all processes take it over
    within seconds.
    """
    made_at = date.replace(tzinfo=UTC) if date else datetime.now(UTC)
    try:
        if make_only:
            manifest = _make(sources, place, made_at, portable=portable)
        else:
            manifest = _make_and_use(sources, place / Family.ANTIVIRUS, made_at, portable=portable)
    except BadSource as problem:
        print(problem, file=sys.stderr)
        sys.exit(ExitCode.NO_BASES)
    except OSError as problem:
        print(f"{problem.filename or place}: {problem.strerror}", file=sys.stderr)
        sys.exit(ExitCode.SYSTEM_ERROR)
    print(f"{manifest.version}: {manifest.records} records")


def _make(sources: Path, folder: Path, made_at: datetime, *, portable: bool) -> Manifest:
    """Make the set in a folder that is not there yet, whole or not at all."""
    if folder.exists():
        raise FileExistsError(EEXIST, "is there already", str(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        made.chmod(0o755)
        manifest = build_set(sources, made, made_at, portable=portable)
        made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return manifest


def _make_and_use(sources: Path, place: Path, made_at: datetime, *, portable: bool) -> Manifest:
    """Make the set, put it on its shelf and switch to it."""
    made = place / f".made-{made_at:%Y%m%dT%H%M%SZ}"
    manifest = _make(sources, made, made_at, portable=portable)
    shelf.put(place, made)
    shelf.switch(place, manifest.version)
    shelf.put_away(place)
    return manifest


if __name__ == "__main__":
    bases()
