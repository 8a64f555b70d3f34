"""`python -m cli.maker.release`: builds and signs what an update server serves (docs/reference/updates.md).

The server is a folder of static files. Keys are files that the maker keeps, each protected by a passphrase
(`MAILWARDEN_PASSPHRASE`, or asked for). Those of the root are needed to make a server and to change keys, and
should be offline otherwise.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.avbasestest import TESTERS
from cli.maker.keys import make_private_key, read_private_key
from cli.maker.publishing import CannotPublish, Role, UpdateServer
from gateway.bases.catalogue import BaseSet, UnusableSet, open_set

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)

_server = click.argument("server", type=_FOLDER)
_passphrase = click.option(
    "--passphrase",
    envvar="MAILWARDEN_PASSPHRASE",
    prompt=True,
    hide_input=True,
    help="Of all keys that are given.",
)


def _key_options(*roles: Role) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Options for the keys of these roles."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for role in reversed(roles):
            several = "; repeat for more" if role is Role.ROOT else ""
            command = click.option(
                f"--{role}-key", type=_FILE, multiple=True, help=f"File of a private {role} key{several}."
            )(command)
        return command

    return add


@click.group()
def release() -> None:
    """Build and sign releases of databases."""


@release.command()
@click.argument("file", type=_FILE)
@click.password_option("--passphrase", envvar="MAILWARDEN_PASSPHRASE", help="Protects the private key.")
def key(file: Path, passphrase: str) -> None:
    """Make a private key in FILE, for any role."""
    make_private_key(file, passphrase)
    print(f"{file}: a new private key, keep it where nobody else reads it")


@release.command()
@_server
@_key_options(*Role)
@click.option(
    "--threshold",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Root keys that a new root needs.",
)
@_passphrase
def begin(server: Path, threshold: int, passphrase: str, **keys: Sequence[Path]) -> None:
    """Make SERVER an update server without any databases."""
    made = _opened(server, passphrase, keys)
    _done(lambda: made.begin(threshold=threshold))
    print(f"{made.root()}: ship this file as gateway/bases/root.json, or name it in RootFile")


@release.command()
@_server
@click.argument("sets", nargs=-1, required=True, type=_FOLDER)
@_key_options(Role.TARGETS, Role.SNAPSHOT, Role.TIMESTAMP)
@_passphrase
def publish(server: Path, sets: Sequence[Path], passphrase: str, **keys: Sequence[Path]) -> None:
    """Publish SETS, folders with a manifest, after trying them out."""
    opened = [_tried_out(folder) for folder in sets]
    _done(lambda: _opened(server, passphrase, keys).publish(opened))
    for made in opened:
        print(f"{made.manifest.family}: {made.manifest.version}, {made.manifest.records} records")


@release.command()
@_server
@_key_options(Role.TARGETS, Role.SNAPSHOT, Role.TIMESTAMP)
@_passphrase
def refresh(server: Path, passphrase: str, **keys: Sequence[Path]) -> None:
    """Sign anew what the given keys sign, so that it does not expire: the timestamp every day."""
    _done(_opened(server, passphrase, keys).refresh)
    print(f"{server}: signed anew")


@release.command()
@_server
@click.argument("role", type=click.Choice([role.value for role in Role]))
@click.option("--new-key", type=_FILE, multiple=True, required=True, help="The key that signs from now on.")
@_key_options(*Role)
@click.option("--threshold", type=click.IntRange(1), default=1, show_default=True, help="Of the new keys.")
@_passphrase
def rotate(
    server: Path,
    role: str,
    new_key: Sequence[Path],
    threshold: int,
    passphrase: str,
    **keys: Sequence[Path],
) -> None:
    """Give ROLE other keys; those that it had count for nothing any more.

    It takes the root keys, and the keys of all roles whose files have to be signed anew.
    """
    made = _opened(server, passphrase, keys)
    new = [read_private_key(path, passphrase) for path in new_key]
    _done(lambda: made.rotate(Role(role), new, threshold=threshold))
    print(f"{made.root()}: the new root; clients find it by themselves")


@release.command()
@_server
@click.argument("file", type=_FILE)
def root(server: Path, file: Path) -> None:
    """Copy the newest root of SERVER to FILE, for shipping."""
    made = UpdateServer(server, {}, datetime.now(UTC))
    _done(lambda: shutil.copyfile(made.root(), file))


def _opened(server: Path, passphrase: str, keys: dict[str, Sequence[Path]]) -> UpdateServer:
    """The server, with the private keys of the files in options like `root_key`."""
    private = {
        Role(name.removesuffix("_key")): [read_private_key(path, passphrase) for path in paths]
        for name, paths in keys.items()
    }
    return UpdateServer(server, private, datetime.now(UTC))


def _tried_out(folder: Path) -> BaseSet:
    """The set in a folder, if it is fit for use anywhere."""
    try:
        made = open_set(folder)
        faults = [*TESTERS[made.manifest.family].trial(made).faults()]
    except UnusableSet as problem:
        raise click.ClickException(str(problem)) from problem
    if faults:
        raise click.ClickException(f"{folder}: " + "; ".join(faults))
    return made


def _done(step: Callable[[], Any]) -> None:
    try:
        step()
    except (CannotPublish, OSError) as problem:
        raise click.ClickException(str(problem)) from problem


if __name__ == "__main__":
    release()
