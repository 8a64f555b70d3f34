"""The configuration over the API: read, checked, applied, and brought back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gateway.domain.commands import Reload
from gateway.runtime.heartbeat import Heartbeat
from gateway.runtime.lifecycle import Lifecycle
from services.api.app import make_app
from services.api.tokens import Role
from tests.support.api import Api, an_api
from tests.support.configuration import MINIMAL

TEXT = {"Content-Type": "text/plain; charset=utf-8"}
WRONG = MINIMAL.replace("CheckSpam=true", "CheckSpam=<b>")


class Watched(Heartbeat):
    """As if a supervisor listened."""

    is_heard = True


def text_of(config: Path) -> str:
    return config.read_text()


def remove(config: Path) -> None:
    config.unlink()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "smtpgw.conf"
    path.write_text(MINIMAL)
    return path


@pytest.fixture
async def api(tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    async with an_api(tmp_path, config=config) as opened:
        opened.gateway = replace(opened.gateway, lifecycle=Lifecycle(Watched(None)))
        opened.app = make_app(opened.gateway)
        yield opened


@pytest.fixture
def administrator(api: Api) -> httpx.AsyncClient:
    return api.client(Role.ADMINISTRATOR)


async def test_the_configuration_is_shown_and_a_draft_is_checked(
    administrator: httpx.AsyncClient, config: Path
) -> None:
    shown = (await administrator.get("/v1/config")).json()
    good = (await administrator.post("/v1/config/check", content=MINIMAL, headers=TEXT)).json()
    wrong = (await administrator.post("/v1/config/check", content=WRONG, headers=TEXT)).json()

    assert (shown["path"], shown["text"], shown["read_only"]) == (str(config), MINIMAL, "")
    assert (good["valid"], wrong["valid"]) == (True, False)
    assert any("CheckSpam" in line for line in wrong["findings"])


async def test_a_draft_is_applied_everybody_starts_anew_and_it_can_be_brought_back(
    api: Api, administrator: httpx.AsyncClient, config: Path
) -> None:
    draft = MINIMAL.replace("CheckSpam=true", "CheckSpam=false")
    base = (await administrator.get("/v1/config")).json()["digest"]
    async with api.gateway.bus.commands() as commands:
        assert await anext(commands) is None
        dry = await administrator.put("/v1/config?dry_run=true", content=draft, headers=TEXT)
        assert text_of(config) == MINIMAL
        applied = await administrator.put(f"/v1/config?base={base}", content=draft, headers=TEXT)
        assert await anext(commands) == Reload()
    assert text_of(config) == draft

    stale = await administrator.put(f"/v1/config?base={base}", content=draft, headers=TEXT)
    [version] = (await administrator.get("/v1/config/history")).json()
    former = await administrator.get(f"/v1/config/history/{version['id']}")
    back = await administrator.post(f"/v1/config/history/{version['id']}/apply")

    assert (dry.json()["dry_run"], applied.json()["dry_run"], applied.json()["reloads"]) == (
        True,
        False,
        True,
    )
    assert (stale.status_code, former.text, back.status_code) == (409, MINIMAL, 200)
    assert text_of(config) == MINIMAL


async def test_a_wrong_draft_is_refused_with_all_that_is_wrong(
    administrator: httpx.AsyncClient, config: Path
) -> None:
    for query in ("", "?dry_run=true"):
        answer = await administrator.put(f"/v1/config{query}", content=WRONG, headers=TEXT)

        assert answer.status_code == 422
        assert any("CheckSpam" in line for line in answer.json()["findings"])
    not_text = await administrator.put("/v1/config", content=b"\xff", headers=TEXT)
    assert not_text.status_code == 422
    assert text_of(config) == MINIMAL


async def test_with_a_broker_the_file_belongs_to_who_deploys(tmp_path: Path, config: Path) -> None:
    settings = {"gateway.bus Url": "amqp://mq.example/"}
    async with an_api(tmp_path, config=config, settings=settings) as api:
        client = api.client(Role.ADMINISTRATOR)
        shown = (await client.get("/v1/config")).json()
        applied = await client.put("/v1/config", content=MINIMAL, headers=TEXT)
        checked = await client.post("/v1/config/check", content=MINIMAL, headers=TEXT)

    assert "ConfigMap" in shown["read_only"]
    assert (applied.status_code, applied.json()["detail"]) == (409, shown["read_only"])
    assert checked.json()["valid"]


async def test_a_file_that_is_away_is_said_to_be(administrator: httpx.AsyncClient, config: Path) -> None:
    remove(config)

    answers = [
        await administrator.get("/v1/config"),
        await administrator.put("/v1/config", content=MINIMAL, headers=TEXT),
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
