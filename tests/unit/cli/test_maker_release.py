"""The maker's command, from keys to a server that a site updates from."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.maker.release import release
from gateway.bases.catalogue import MANIFEST
from gateway.bases.trust import SHIPPED_ROOT
from gateway.bases.updating import Outcome, UpdateFailed, update
from services.scanner.signatures.signatures import SHIPPED
from tests.support.bases import a_set
from tests.support.signatures import a_rule, signatures_in_use
from tests.support.updates import UpdateSite

ONLINE = ("targets", "snapshot", "timestamp")

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the command; arguments like `key=targets` stand for the option with the file of that key."""

    def command(*arguments: str) -> Result:
        given: list[str] = []
        for argument in arguments:
            name, is_key, files = argument.partition("=")
            given += (
                [part for file in files.split(",") for part in (f"--{name}", str(tmp_path / f"{file}.pem"))]
                if is_key
                else [argument]
            )
        return CliRunner().invoke(release, given, env={"MAILWARDEN_PASSPHRASE": "a pass phrase"})

    return command


@pytest.fixture
def server(run: Run, tmp_path: Path) -> Path:
    """An update server without databases, whose root needs two keys."""
    for name in ("root-1", "root-2", *ONLINE):
        assert run("key", str(tmp_path / f"{name}.pem")).exit_code == 0
    keys = ("root-key=root-1,root-2", *(f"{role}-key={role}" for role in ONLINE))
    made = run("begin", str(tmp_path / "server"), *keys, "--threshold", "2")
    assert made.exit_code == 0, made.output
    return tmp_path / "server"


def online(*roles: str) -> list[str]:
    return [f"{role}-key={role}" for role in roles or ONLINE]


def a_site(server: Path, folder: Path, run: Run) -> UpdateSite:
    """A site that came with the root of the server as it is now."""
    root = folder / "root.json"
    assert run("root", str(server), str(root)).exit_code == 0
    return UpdateSite(folder / "site", root.read_bytes(), [str(server)])


def test_what_is_published_is_believed_and_used(run: Run, server: Path, tmp_path: Path) -> None:
    site = a_site(server, tmp_path, run)

    published = run("publish", str(server), str(SHIPPED), *online())

    assert (published.exit_code, published.output.startswith("av: ")) == (0, True), published.output
    assert update(site.plan).has(Outcome.UPDATED)
    assert f"av: {site.in_use()}" in published.output


def test_the_timestamp_alone_can_be_signed_anew(run: Run, server: Path, tmp_path: Path) -> None:
    site = a_site(server, tmp_path, run)
    before = (server / "metadata" / "timestamp.json").read_bytes()

    assert run("refresh", str(server), *online("timestamp")).exit_code == 0

    assert (server / "metadata" / "timestamp.json").read_bytes() != before
    assert update(site.plan).has(Outcome.CURRENT)


@pytest.mark.parametrize("role", ["root", *ONLINE])
def test_keys_of_each_role_can_be_changed(run: Run, server: Path, tmp_path: Path, role: str) -> None:
    site = a_site(server, tmp_path, run)
    run("publish", str(server), str(SHIPPED), *online())
    run("key", str(tmp_path / "new.pem"))

    changed = run("rotate", str(server), role, "new-key=new", "root-key=root-1,root-2", *online())

    assert changed.exit_code == 0, changed.output
    assert update(site.plan).has(Outcome.UPDATED)
    if role == "timestamp":
        run("refresh", str(server), "timestamp-key=timestamp")  # with the former key
        with pytest.raises(UpdateFailed, match="timestamp was signed by"):
            update(site.plan)


def test_databases_that_do_not_stand_the_trial_are_not_published(
    run: Run, server: Path, tmp_path: Path
) -> None:
    bad = signatures_in_use(tmp_path / "bad" / "av", a_rule('"Ann Example"', threat="Trojan.Greedy"))

    told = run("publish", str(server), str(bad.folder), *online())

    assert told.exit_code == 1
    assert "the standard test file is not found" in told.output
    assert not (server / "targets").exists()


def test_a_folder_that_holds_no_databases_is_told(run: Run, server: Path, tmp_path: Path) -> None:
    made = a_set(tmp_path / "none", {"rules": b"none"})
    (made.folder / MANIFEST).unlink()

    assert "No such file" in run("publish", str(server), str(made.folder), *online()).output


def test_a_key_that_is_missing_is_named(run: Run, server: Path) -> None:
    lacking = run("publish", str(server), str(SHIPPED), *online("targets"))
    assert "this needs the snapshot key" in lacking.output
    assert "this needs the root key" in run("rotate", str(server), "targets", "new-key=targets").output


def test_a_server_is_made_once_and_has_to_be_one(run: Run, server: Path, tmp_path: Path) -> None:
    keys = ("root-key=root-1", *online())

    assert "is an update server already" in run("begin", str(server), *keys).output
    assert "is no update server" in run("refresh", str(tmp_path / "nowhere"), *keys[1:]).output


def test_a_key_is_never_overwritten_nor_read_by_others(run: Run, server: Path, tmp_path: Path) -> None:
    assert "a key is never overwritten" in run("key", str(tmp_path / "root-1.pem")).output
    assert stat.S_IMODE((tmp_path / "root-1.pem").stat().st_mode) == 0o600


def test_the_shipped_root_is_one(tmp_path: Path) -> None:
    site = UpdateSite(tmp_path / "site", SHIPPED_ROOT.read_bytes(), ["/nowhere.example"])

    with pytest.raises(UpdateFailed, match="there is no such directory"):
        update(site.plan)
