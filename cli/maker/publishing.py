"""An update server as its maker makes it: static files, signed after The Update Framework.

What is written first is needed by what is written later, and each file is put in place by a rename. So the
folder can be served while it changes, or be copied to where it is served with `rsync --delay-updates`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from gateway.bases.catalogue import MANIFEST, BaseSet, describe_file
from gateway.bases.trust import METADATA, TARGETS, Target

KEPT = 10
"""Versions of metadata that stay for who reads them now."""


class Role(StrEnum):
    """What a key signs."""

    ROOT = "root"  # who may sign what: kept offline
    TARGETS = "targets"  # the databases
    SNAPSHOT = "snapshot"  # which versions belong together
    TIMESTAMP = "timestamp"  # that this is the newest of them


TERMS: Mapping[Role, timedelta] = MappingProxyType(
    {
        Role.ROOT: timedelta(days=5 * 365),
        Role.TARGETS: timedelta(days=365),
        Role.SNAPSHOT: timedelta(days=30),
        Role.TIMESTAMP: timedelta(days=3),
    }
)
"""How long what a role signed is believed: so long a server may stand still, or be held back by somebody."""

Keys = Mapping[Role, Sequence[Ed25519PrivateKey]]


class CannotPublish(Exception):
    """The server is not as it has to be, or a key is missing; says which."""


S = TypeVar("S", Root, Targets, Snapshot, Timestamp)


@dataclass(frozen=True, slots=True)
class UpdateServer:
    """The folder with the files of a server."""

    folder: Path
    keys: Keys
    now: datetime
    terms: Mapping[Role, timedelta] = field(default_factory=lambda: TERMS)

    def begin(self, *, threshold: int = 1) -> None:
        """Make a server without any databases. So many root keys together will make a new root."""
        if (self.folder / METADATA).exists():
            raise CannotPublish(f"{self.folder}: is an update server already")
        root = Root(consistent_snapshot=True)
        for role in Role:
            for key in self._keys(role):
                root.add_key(_public(key), role)
        root.roles[Role.ROOT].threshold = threshold
        self._sign(Role.ROOT, root, self._keys(Role.ROOT))
        self._publish(Targets())

    def publish(self, sets: Iterable[BaseSet]) -> None:
        """Add these sets; each takes the place of the one of its family."""
        targets = self._read(Role.TARGETS, Targets)
        for made in sets:
            family = made.manifest.family
            files = [describe_file(made.folder / MANIFEST), *made.manifest.files]
            others = {
                path: file for path, file in targets.targets.items() if not path.startswith(f"{family}/")
            }
            described = [Target(f"{family}/{file.name}", file.size, file.sha256) for file in files]
            targets.targets = others | {
                target.path: TargetFile(target.size, {"sha256": target.sha256}, target.path)
                for target in described
            }
            for file, target in zip(files, described, strict=True):
                self._put_file(made.folder / file.name, self.folder / target.place)
        self._publish(targets)
        self._clear()

    def refresh(self) -> None:
        """Sign anew, for another term, what keys are here for: always the timestamp."""
        if self.keys.get(Role.TARGETS):
            self._publish(self._read(Role.TARGETS, Targets))
        elif self.keys.get(Role.SNAPSHOT):
            self._publish_snapshot()
        else:
            self._sign(Role.TIMESTAMP, self._read(Role.TIMESTAMP, Timestamp), self._keys(Role.TIMESTAMP))

    def rotate(self, role: Role, new: Sequence[Ed25519PrivateKey], *, threshold: int = 1) -> None:
        """From now on `new` signs for the role, and what signed before does not; all is signed anew.

        `keys` are those of before.
        """
        root = self._read(Role.ROOT, Root)
        for keyid in tuple(root.roles[role].keyids):
            root.revoke_key(keyid, role)
        for key in new:
            root.add_key(_public(key), role)
        root.roles[role].threshold = threshold
        # A new root is signed by the keys of the one before and by its own.
        both = [*self._keys(Role.ROOT), *(new if role is Role.ROOT else ())]
        after = replace(self, keys={**self.keys, role: new})
        after._sign(Role.ROOT, root, both)
        if role is not Role.ROOT:
            after._publish(after._read(Role.TARGETS, Targets))

    def root(self) -> Path:
        """The newest root, for shipping."""
        return self._path(Role.ROOT)

    def _publish(self, targets: Targets) -> None:
        self._sign(Role.TARGETS, targets, self._keys(Role.TARGETS))
        self._publish_snapshot(targets.version)

    def _publish_snapshot(self, targets: int | None = None) -> None:
        """The next snapshot, with that version of targets or the one that it had, and a timestamp for it."""
        snapshot = self._read(Role.SNAPSHOT, Snapshot) if self._version(Role.SNAPSHOT) else Snapshot()
        if targets is not None:
            snapshot.meta["targets.json"] = MetaFile(targets)
        self._sign(Role.SNAPSHOT, snapshot, self._keys(Role.SNAPSHOT))
        self._sign(
            Role.TIMESTAMP,
            Timestamp(snapshot_meta=MetaFile(snapshot.version)),
            self._keys(Role.TIMESTAMP),
        )

    def _sign(self, role: Role, signed: S, keys: Iterable[Ed25519PrivateKey]) -> None:
        """The next version of a file of metadata, signed, in its place."""
        signed.version = self._version(role) + 1
        signed.expires = (self.now + self.terms[role]).replace(microsecond=0)
        metadata = Metadata(signed)
        for key in keys:
            metadata.sign(CryptoSigner(key), append=True)
        prefix = "" if role is Role.TIMESTAMP else f"{signed.version}."
        _write(metadata.to_bytes(), self.folder / METADATA / f"{prefix}{role}.json")

    def _version(self, role: Role) -> int:
        """Of what the role signed last; 0 before it did."""
        versions = self._versions(role)
        return Metadata.from_file(str(versions[-1])).signed.version if versions else 0

    def _keys(self, role: Role) -> Sequence[Ed25519PrivateKey]:
        keys = self.keys.get(role)
        if not keys:
            raise CannotPublish(f"this needs the {role} key")
        return keys

    def _read(self, role: Role, kind: type[S]) -> S:
        signed = Metadata.from_file(str(self._path(role))).signed
        assert isinstance(signed, kind)  # noqa: S101 - we wrote it under that name
        return signed

    def _path(self, role: Role) -> Path:
        versions = self._versions(role)
        if not versions:
            raise CannotPublish(f"{self.folder}: is no update server, it has no {role} metadata")
        return versions[-1]

    def _versions(self, role: Role) -> Sequence[Path]:
        """The files of a role, the oldest first."""
        folder = self.folder / METADATA
        if role is Role.TIMESTAMP:
            return [path for path in (folder / "timestamp.json",) if path.exists()]
        return sorted(folder.glob(f"[0-9]*.{role}.json"), key=lambda path: int(path.name.partition(".")[0]))

    def _put_file(self, source: Path, place: Path) -> None:
        if place.exists():
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}")
        shutil.copyfile(source, part)
        part.rename(place)

    def _clear(self) -> None:
        """Remove what only versions need that nobody can ask for any more. Roots stay for ever."""
        for role in (Role.TARGETS, Role.SNAPSHOT):
            for path in self._versions(role)[:-KEPT]:
                path.unlink()
        needed = {
            Target(path, file.length, file.hashes["sha256"]).place
            for metadata in self._versions(Role.TARGETS)
            for path, file in Metadata[Targets].from_file(str(metadata)).signed.targets.items()
        }
        for path in (self.folder / TARGETS).rglob("*"):
            if path.is_file() and path.relative_to(self.folder).as_posix() not in needed:
                path.unlink()


def _public(key: Ed25519PrivateKey) -> SSlibKey:
    return SSlibKey.from_crypto(key.public_key())


def _write(content: bytes, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{place.name}")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(place)
