"""A maker of databases with keys, and a site that takes updates."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cli.maker.publishing import TERMS, Role, UpdateServer
from gateway.bases import shelf
from gateway.bases.catalogue import BaseSet, Family, open_set
from gateway.bases.fetching import Patience, Source, open_source
from gateway.bases.updating import Plan, Unfit
from tests.support.bases import MADE_AT, a_set

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

IMPATIENT = Patience(connect=20, silence=20, window=0.2, least=1 << 20, whole=60)
"""For what takes for ever: a server that is honest sends a small file within the first window."""

FILES: Mapping[str, bytes] = {"rules": b"the first rules", "words": b"words that stay" * 1000}


def new_keys() -> dict[Role, list[Ed25519PrivateKey]]:
    """Keys of a maker, one for each role."""
    return {role: [Ed25519PrivateKey.generate()] for role in Role}


@dataclass
class Maker:
    """Who publishes databases in a folder."""

    folder: Path
    keys: dict[Role, list[Ed25519PrivateKey]] = field(default_factory=new_keys)
    terms: Mapping[Role, timedelta] = field(default_factory=lambda: TERMS)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    made: int = 0

    @property
    def server(self) -> UpdateServer:
        return UpdateServer(self.folder, self.keys, self.now, self.terms)

    def begin(self) -> bytes:
        """An empty server; its root."""
        self.server.begin()
        return self.server.root().read_bytes()

    def publish(self, files: Mapping[str, bytes] = FILES, *, family: Family = Family.ANTIVIRUS) -> str:
        """A set with these files, later than all before; its version."""
        made = a_set(
            self.folder.parent / f"made-{self.folder.name}-{self.made}",
            files,
            MADE_AT + self.made * HOUR,
            family=family,
        )
        self.made += 1
        self.server.publish([made])
        return made.manifest.version


@dataclass
class UpdateSite:
    """Where updates come to."""

    folder: Path
    root: bytes
    addresses: list[str]
    patience: Patience = field(default_factory=Patience)
    licensed_until: date = date.max
    unfit: dict[str, str] = field(default_factory=dict)  # versions that do not stand their test, and why
    families: tuple[Family, ...] = (Family.ANTIVIRUS,)
    proxy: str = ""

    @property
    def plan(self) -> Plan:
        return Plan(
            bases=self.folder / "bases",
            backup=self.folder / "bases.backup",
            families=self.families,
            addresses=self.addresses,
            open_source=self._open,
            root=self.root,
            permits=lambda made_on: made_on <= self.licensed_until,
            try_out=self._try_out,
        )

    @property
    def again(self) -> Plan:
        return replace(self.plan, again=True)

    def place(self, family: Family = Family.ANTIVIRUS) -> Path:
        """The shelf of a family."""
        return self.folder / "bases" / family

    def in_use(self, family: Family = Family.ANTIVIRUS) -> str | None:
        """The version in use, which is whole; None before there is any."""
        version = shelf.current_version(self.place(family))
        if version:
            open_set(self.place(family) / version)
        return version

    def _open(self, address: str) -> Source:
        return open_source(address, patience=self.patience, proxy=self.proxy)

    def _try_out(self, made: BaseSet) -> None:
        if reason := self.unfit.get(made.manifest.version):
            raise Unfit(reason)


def a_site(folder: Path, maker: Maker | None = None) -> tuple[Maker, UpdateSite]:
    """A maker with an empty server, and a site that updates from its folder."""
    logging.getLogger("tuf").setLevel(logging.WARNING)
    maker = maker or Maker(folder / "server")
    return maker, UpdateSite(folder / "site", maker.begin(), [str(maker.folder)])
