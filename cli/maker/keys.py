"""`python -m cli.maker.keys`: makes a pair of keys for signing, and issues licence keys with it.

The private key is the maker's secret and never in the project; the public one goes into
`gateway/licences/signers.json` and so into the next version.
"""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.domain.licence import PRODUCT, Licence, LicenceType, Limit, Scope, Unit
from gateway.licences.keyfile import write_key
from gateway.licences.revocations import write_list

_DAY = click.DateTime(["%Y-%m-%d"])
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def keys() -> None:
    """Make keys for signing, and issue licence keys."""


@keys.command()
@click.argument("file", type=_FILE)
@click.option(
    "--type",
    "types",
    type=click.Choice([kind.value for kind in LicenceType]),
    multiple=True,
    required=True,
    help="What it may sign; repeat for more.",
)
@click.password_option("--passphrase", help="Protects the private key; it is asked for when not given.")
def new(file: Path, types: Sequence[str], passphrase: str) -> None:
    """Make a private key in FILE, and print the entry of its public half for `signers.json`."""
    public = b64encode(make_private_key(file, passphrase).public_key().public_bytes_raw()).decode()
    print(json.dumps({"public_key": public, "types": list(types)}))


@keys.command()
@click.argument("output", type=_FILE)
@click.option("--with-key", "signing", type=_FILE, required=True, help="The private key.")
@click.option("--passphrase", prompt=True, hide_input=True, help="Of the private key.")
@click.option("--serial", required=True, help="Never the same twice.")
@click.option("--holder", required=True, help="Whom the key is for.")
@click.option("--type", "kind", type=click.Choice([kind.value for kind in LicenceType]), default="commercial")
@click.option("--anti-virus-only", is_flag=True, help="It does not let spam be filtered.")
@click.option("--users", type=click.IntRange(1), help="Protected addresses it is for.")
@click.option("--megabytes", type=click.IntRange(1), help="MB of mail a day it is for.")
@click.option(
    "--created", type=_DAY, default=lambda: datetime.now().date().isoformat(), help="Default: today."
)
@click.option("--use-by", type=_DAY, required=True, help="Its last day, however late it is installed.")
@click.option("--lifespan", type=click.IntRange(1, 36_525), required=True, help="Days of its term.")
def issue(
    *,
    output: Path,
    signing: Path,
    passphrase: str,
    serial: str,
    holder: str,
    kind: str,
    anti_virus_only: bool,
    users: int | None,
    megabytes: int | None,
    created: datetime,
    use_by: datetime,
    lifespan: int,
) -> None:
    """Issue a licence key and write it to OUTPUT."""
    if users and megabytes:
        raise click.UsageError("a key limits users or traffic, not both")
    limit = Limit(users, Unit.USERS) if users else Limit(megabytes, Unit.MEGABYTES) if megabytes else None
    licence = Licence(
        product=PRODUCT,
        serial=serial,
        holder=holder,
        type=LicenceType(kind),
        scope=Scope.ANTI_VIRUS if anti_virus_only else Scope.ANTI_VIRUS_AND_SPAM,
        limit=limit,
        created=created.date(),
        use_by=use_by.date(),
        lifespan=lifespan,
    )
    output.write_text(write_key(licence, read_private_key(signing, passphrase)), encoding="utf-8")
    print(f"{output}: {kind} key {serial} for {holder}")


@keys.command()
@click.argument("output", type=_FILE)
@click.option("--with-key", "signing", type=_FILE, required=True, help="The private key.")
@click.option("--passphrase", prompt=True, hide_input=True, help="Of the private key.")
@click.option("--number", type=click.IntRange(1), required=True, help="Higher than that of all lists before.")
@click.option("--serial", "serials", multiple=True, help="Of a revoked key; repeat for all there are.")
def revoke(*, output: Path, signing: Path, passphrase: str, number: int, serials: Sequence[str]) -> None:
    """Write the list of revoked keys to OUTPUT: it replaces all lists before, so it names all keys."""
    output.write_text(write_list(number, serials, read_private_key(signing, passphrase)), encoding="utf-8")
    print(f"{output}: list {number}, {len(set(serials))} revoked keys")


def make_private_key(file: Path, passphrase: str) -> Ed25519PrivateKey:
    """A new key, which is now in `file`."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode())
    )
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise click.ClickException(f"{file} exists: a key is never overwritten") from error
    with open(descriptor, "wb") as written:
        written.write(pem)
    return private


def read_private_key(path: Path, passphrase: str) -> Ed25519PrivateKey:
    """The key in a file."""
    try:
        key = load_pem_private_key(path.read_bytes(), passphrase.encode())
    except (OSError, ValueError, TypeError) as error:
        raise click.ClickException(f"{path}: cannot be read as a private key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise click.ClickException(f"{path}: is no Ed25519 key")
    return key


if __name__ == "__main__":
    keys()
