"""What would become of a message is what becomes of it: asked over the API of a whole gateway, then sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.runtime.clock import utc_now
from services.api.tokens import Role, line_of
from tests.support.embedded import Embedded, embedded
from tests.support.samples import plain, virus_test_file, with_attachment

GROUPS = """
[smtpgw.group:strict]
Recipients=*@strict.example
BlockMessage=infected,as/spam
NotifyAdmin=infected
"""
SPAM = plain("Buy! spam is bad do not send it")
TOKEN = "mw_operator"


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Embedded]:
    (tmp_path / "tokens").write_text(line_of("tests", Role.OPERATOR, TOKEN))
    async with embedded(tmp_path, groups=GROUPS) as running:
        yield running


async def explained(gateway: Embedded, message: bytes, *recipients: str, **query: str) -> httpx.Response:
    url = f"http://{gateway.gateway.settings.api.listen}/v1/explain"
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "message/rfc822"}
    params = {"recipient": recipients, "sender": "a@client.example", "client_ip": "192.0.2.1", **query}
    async with httpx.AsyncClient(timeout=120) as client:
        return await client.post(url, content=message, headers=headers, params=params)


async def test_each_group_hears_what_would_become_of_its_copy(gateway: Embedded) -> None:
    answer = await explained(gateway, SPAM, "a@site.example", "b@strict.example")

    assert answer.status_code == 200
    site, strict = answer.json()
    assert (site["group"], site["delivered"], site["recipients"]) == ("", True, ["a@site.example"])
    assert (strict["group"], strict["delivered"], strict["why"]) == ("strict", False, "blocked as as/spam")
    assert site["spam"]["status"] == "as/spam"
    assert "spam_phrase" in [finding["check"] for finding in site["spam"]["findings"]]
    assert "X-SpamTest-Status: Spam" in site["added_fields"]
    assert site["scan"]["status"] == "clean"
    assert strict["scan"] is None


async def test_what_is_found_in_attachments_is_told_with_its_action(gateway: Embedded) -> None:
    message = with_attachment("The invoice", virus_test_file())

    [copy] = (await explained(gateway, message, "b@strict.example")).json()

    assert (copy["delivered"], copy["why"], copy["told"]) == (False, "blocked as infected", ["admin"])
    assert [found["status"] for found in copy["scan"]["objects"]].count("infected") == 1


async def test_nothing_of_it_is_done(gateway: Embedded) -> None:
    large = SPAM + b"y\r\n" * 50_000

    for message in (SPAM, with_attachment("The invoice", virus_test_file()), large):
        assert (await explained(gateway, message, "b@strict.example")).status_code == 200

    assert gateway.kept() == []
    assert not any((gateway.site.folder / "quarantine").rglob("*.eml"))
    assert [name async for name in _bodies(gateway)] == []
    assert gateway.next_hop.received == []


async def _bodies(gateway: Embedded) -> AsyncIterator[str]:
    async for name in gateway.gateway.blobs.names(utc_now()):
        yield name


async def test_what_was_explained_is_what_happens(gateway: Embedded) -> None:
    [copy] = (await explained(gateway, SPAM, "a@site.example")).json()

    arrived = await gateway.send(SPAM)

    for field in copy["added_fields"].split("\r\n"):
        assert field.encode() in arrived.body


@pytest.mark.parametrize(
    ("query", "status"),
    [({"client_ip": "nowhere"}, 422), ({"sender": "a\nb"}, 422), ({"helo": "x" * 256}, 422)],
)
async def test_a_wrong_envelope_is_refused(gateway: Embedded, query: dict[str, str], status: int) -> None:
    assert (await explained(gateway, SPAM, "a@site.example", **query)).status_code == status
    assert (await explained(gateway, SPAM)).status_code == 422
