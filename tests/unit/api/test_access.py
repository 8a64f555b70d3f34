"""Who may ask what: asked of every operation, as the API itself describes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.api.limits import Allowance, asker_at
from services.api.tokens import Role
from tests.support.api import TOKENS, Api, an_api

UNKNOWN = {
    "mail_id": "zzzzzzzz00000",
    "parked_id": "0" * 16,
    "storage_id": "0" * 12,
    "version_id": "20260101T000000000000Z-000000000000",
    "module": "sender",
    "place": "backup",
    "width": "hour",
}
ILL_FORMED = UNKNOWN | dict.fromkeys(UNKNOWN, "..%2f..%2fetc")
ABSENT = ("mail_id", "parked_id", "storage_id", "version_id", "place")


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with an_api(tmp_path, settings={"gateway.api FailuresPerMinute": "10000"}) as opened:
        yield opened


async def operations(api: Api) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of everything that needs a token."""
    told = (await api.client(Role.VIEWER).get("/v1/openapi.json")).json()
    return [
        (method.upper(), path, operation)
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/v1/")
    ]


async def test_every_operation_says_which_role_it_needs(api: Api) -> None:
    described = await operations(api)

    assert len(described) > 35
    assert {operation["x-role"] for _, _, operation in described} == set(Role)
    assert all(operation["security"] == [{"token": []}] for _, _, operation in described)


async def test_nothing_is_told_without_a_token(api: Api) -> None:
    for method, path, _ in await operations(api):
        answer = await api.client().request(method, path.format(**UNKNOWN))

        assert (answer.status_code, path) == (401, path)
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_no_role_may_do_what_a_higher_one_is_for(api: Api) -> None:
    ranks = list(Role)
    for method, path, operation in await operations(api):
        for role in ranks[: ranks.index(Role(operation["x-role"]))]:
            answer = await api.client(role).request(method, path.format(**UNKNOWN))

            assert (answer.status_code, path) == (403, path)


async def test_a_parameter_that_is_not_known_is_refused_by_every_operation(api: Api) -> None:
    for method, path, operation in await operations(api):
        client = api.client(Role.ADMINISTRATOR)
        answer = await client.request(method, path.format(**UNKNOWN), params={"dryrun": "true"})

        assert (answer.status_code, operation["operationId"]) == (422, operation["operationId"])
        assert "dryrun: there is no such parameter" in answer.json()["detail"]


async def test_what_is_not_there_is_not_found_by_any_operation(api: Api) -> None:
    for method, path, operation in await operations(api):
        if not any(f"{{{name}}}" in path for name in ABSENT):
            continue
        params = {"id": "x"} if "storage_id" in path and method in ("POST", "DELETE") else {}
        params = params if path.endswith(("release", "entries")) else {}
        client = api.client(Role.ADMINISTRATOR)
        answer = await client.request(method, path.format(**UNKNOWN), params=params)

        assert (answer.status_code, operation["operationId"]) == (404, operation["operationId"])


async def test_no_path_leads_out_of_what_it_names(api: Api) -> None:
    for method, path, operation in await operations(api):
        if "{" not in path:
            continue
        client = api.client(Role.ADMINISTRATOR)
        for wrong in ("..%2f..%2fetc%2fpasswd", "%00", "x" * 300, "..", "%2e%2e", "a%0d%0ab"):
            answer = await client.request(method, path.format(**dict.fromkeys(UNKNOWN, wrong)))

            assert answer.status_code in (404, 405, 422), (operation["operationId"], wrong)


async def test_no_page_of_another_site_is_let_in(api: Api) -> None:
    origin = {"Origin": "https://other.example"}
    preflight = {**origin, "Access-Control-Request-Method": "DELETE"}

    asked = await api.client().request("OPTIONS", "/v1/queue", headers=preflight)
    sent = await api.client().post("/v1/queue/send", headers=origin)
    known = await api.client(Role.VIEWER).get("/v1/queue", headers=origin)

    assert (asked.status_code, sent.status_code, known.status_code) == (405, 401, 200)
    for answer in (asked, sent, known):
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "content_type", ["", "application/x-www-form-urlencoded", "multipart/form-data", "application/json"]
)
async def test_a_body_of_another_type_is_not_read(api: Api, content_type: str) -> None:
    client = api.client(Role.ADMINISTRATOR)
    headers = {"Content-Type": content_type} if content_type else {}

    for method, path in (("PUT", "/v1/config"), ("POST", "/v1/config/check"), ("POST", "/v1/license/keys")):
        answer = await client.request(method, path, content=b"x", headers=headers)

        assert answer.status_code == 415


async def test_a_body_that_is_too_large_is_not_read_to_its_end(api: Api) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 1 << 30:
            sent += 1 << 20
            yield bytes(1 << 20)

    client = api.client(Role.ADMINISTRATOR)
    answer = await client.put("/v1/config", content=endless(), headers={"Content-Type": "text/plain"})

    assert answer.status_code == 413
    assert sent <= 16 << 20


async def test_who_asks_too_often_with_a_token_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with an_api(tmp_path, settings={"gateway.api RequestsPerMinute": "10"}) as api:
        viewer, operator = api.client(Role.VIEWER), api.client(Role.OPERATOR)
        answers = [await viewer.get("/v1/modules") for _ in range(12)]
        other = await operator.get("/v1/modules")

    assert {answer.status_code for answer in answers[:10]} == {200}
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert other.status_code == 200


async def test_who_guesses_is_stopped_and_locks_nobody_else_out(tmp_path: Path) -> None:
    async with an_api(tmp_path, settings={"gateway.api FailuresPerMinute": "3"}) as api:
        guesser = api.client()
        wrong = [
            (await guesser.get("/v1/modules", headers={"Authorization": f"Bearer {number}"})).status_code
            for number in range(5)
        ]
        known = await api.client(Role.VIEWER).get("/v1/modules")

    assert wrong == [401, 401, 401, 429, 429]
    assert known.status_code == 200


async def test_tokens_are_never_in_the_log_or_in_answers(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    answer = await api.client().get("/v1/queue", headers={"Authorization": "Bearer mw_secret"})
    await api.client(Role.OPERATOR).delete("/v1/queue")

    assert "mw_secret" not in caplog.text + answer.text
    assert TOKENS[Role.OPERATOR] not in caplog.text


def test_an_allowance_fills_evenly_and_forgets_whom_it_has_not_seen_for_long() -> None:
    now = [0.0]
    allowance = Allowance(60, lambda: now[0], most=2)
    assert [allowance.take("a") for _ in range(60)] == [0.0] * 60
    assert allowance.take("a") == 1.0

    now[0] = 0.5
    assert allowance.take("a") == 0.5
    now[0] = 1.0
    assert allowance.take("a") == 0.0
    allowance.take("b")
    allowance.take("c")
    assert allowance.take("a") == 0.0


@pytest.mark.parametrize(
    ("address", "asker"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1:2:3:4", "2001:db8::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_who_has_one_address_of_a_network_has_all_of_it(address: str, asker: str) -> None:
    assert asker_at(address) == asker


def test_a_higher_role_includes_the_lower_ones() -> None:
    assert [Role.OPERATOR.includes(role) for role in Role] == [True, True, False]
