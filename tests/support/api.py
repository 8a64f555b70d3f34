"""The API over a gateway without processes, and clients with tokens of each role.

`python -m tests.support.api > docs/reference/openapi.json` writes down what the API says of itself.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from fastapi import FastAPI

from gateway.licences.keyring import Keyring
from gateway.records.licences import LicenceRecords
from gateway.records.port import Records
from gateway.records.sql import SqlRecords
from gateway.runtime.readiness import Readiness, worlds_of
from gateway.runtime.wiring import Gateway
from gateway.storages.memory import MemoryPlace
from gateway.storages.storages import Storages
from services.api.app import make_app
from services.api.description import as_text
from services.api.tokens import Role, line_of
from tests.support.licences import MADE, SIGNERS
from tests.support.stages import a_gateway

TOKENS: Mapping[Role, str] = {role: f"mw_{role}" for role in Role}


@dataclass
class Api:
    """An API, and what is behind it."""

    gateway: Gateway
    app: FastAPI
    opened: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, role: Role | None = None) -> httpx.AsyncClient:
        """Who asks with a token of that role, or with none."""
        headers = {"Authorization": f"Bearer {TOKENS[role]}"} if role else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        client = httpx.AsyncClient(
            transport=transport, base_url="http://gateway.example", headers=headers, timeout=60
        )
        self.opened.append(client)
        return client


@asynccontextmanager
async def an_api(
    folder: Path,
    *,
    records: Records | None = None,
    settings: Mapping[str, str] | None = None,
    config: Path | None = None,
) -> AsyncIterator[Api]:
    """An API over records in a file, or over others, a bus and bodies in memory.

    `config` is the file that it takes for the one of its settings.
    """
    (folder / "tokens").write_text("".join(f"{line_of(role, role, TOKENS[role])}\n" for role in Role))
    async with a_gateway(folder, settings=settings) as gateway:
        assert isinstance(gateway.records, SqlRecords)
        keys = LicenceRecords(gateway.records.database)
        gateway.licensing.keyring = Keyring(keys, SIGNERS, lambda: MADE)
        records = records or gateway.records
        readiness = Readiness(worlds_of(gateway.bus, gateway.blobs, records))
        gateway = replace(gateway, records=records, readiness=readiness, config=config)
        if isinstance(records, SqlRecords):
            gateway = replace(gateway, storages=Storages(MemoryPlace(), gateway.blobs, records))
        api = Api(gateway, make_app(gateway))
        try:
            yield api
        finally:
            for client in api.opened:
                await client.aclose()


async def description_of(folder: Path) -> str:
    """What the API says of itself; it is the same for any gateway."""
    async with an_api(folder) as api:
        return as_text((await api.client(Role.VIEWER).get("/v1/openapi.json")).json())


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        sys.stdout.write(asyncio.run(description_of(Path(folder))))
