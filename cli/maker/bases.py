"""`python -m cli.maker.bases`: builds a set of databases of one family from its sources."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from errno import EEXIST
from functools import partial
from pathlib import Path
from types import MappingProxyType

import click

from gateway.bases import shelf
from gateway.bases.catalogue import Family, Manifest
from gateway.bases.source import BadSource
from gateway.runtime.exitcodes import ExitCode
from gateway.version import VERSION
from services.antispam.database import building as antispam
from services.scanner.signatures import building as antivirus

Build = Callable[[Path, Path, datetime], Manifest]
"""What makes a set of sources, in an empty folder, of a moment."""

_BUILDS: Mapping[Family, Build] = MappingProxyType(
    {Family.ANTIVIRUS: antivirus.build_set, Family.ANTISPAM: antispam.build_set}
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "-v", "--version")
@click.argument("sources", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("place", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "-f",
    "--family",
    type=click.Choice([family.value for family in Family]),
    default=Family.ANTIVIRUS.value,
    show_default=True,
    help="What the sources are of.",
)
@click.option("-m", "--make-only", is_flag=True, help="PLACE becomes the set itself; nothing uses it yet.")
@click.option("-p", "--portable", is_flag=True, help="av: without compiled rules, for any version of YARA-X.")
@click.option(
    "-d",
    "--date",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S"]),
    help="The moment in UTC that the set is of, instead of now.",
)
def bases(
    sources: Path, place: Path, *, family: str, make_only: bool, portable: bool, date: datetime | None
) -> None:
    """Build a set of databases from SOURCES.

    They are rules (*.yar) and digests (*.sha256) for anti-virus databases (av), and categories, terms,
    samples and a model for content databases (as).

    PLACE is the gateway's BasesPath: the set is put there and switched to, and all processes take it over
    within seconds.
    """
    if portable and family != Family.ANTIVIRUS:
        raise click.UsageError("--portable is for av alone: other sets hold nothing compiled")
    made_at = date.replace(tzinfo=UTC) if date else datetime.now(UTC)
    build: Build = _BUILDS[Family(family)]
    if portable:
        build = partial(antivirus.build_set, portable=True)
    try:
        if make_only:
            manifest = _make(build, sources, place, made_at)
        else:
            manifest = _make_and_use(build, sources, place / family, made_at)
    except BadSource as problem:
        print(problem, file=sys.stderr)
        sys.exit(ExitCode.NO_BASES)
    except OSError as problem:
        print(f"{problem.filename or place}: {problem.strerror}", file=sys.stderr)
        sys.exit(ExitCode.SYSTEM_ERROR)
    print(f"{manifest.version}: {manifest.records} records")


def _make(build: Build, sources: Path, folder: Path, made_at: datetime) -> Manifest:
    """Make the set in a folder that is not there yet, whole or not at all."""
    if folder.exists():
        raise FileExistsError(EEXIST, "is there already", str(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        made.chmod(0o755)
        manifest = build(sources, made, made_at)
        made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return manifest


def _make_and_use(build: Build, sources: Path, place: Path, made_at: datetime) -> Manifest:
    """Make the set, put it on its shelf and switch to it."""
    made = place / f".made-{made_at:%Y%m%dT%H%M%SZ}"
    manifest = _make(build, sources, made, made_at)
    shelf.put(place, made)
    shelf.switch(place, manifest.version)
    shelf.put_away(place)
    return manifest


if __name__ == "__main__":
    bases()
