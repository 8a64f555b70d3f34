"""What an operator can order over the API, and nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from services.api.tokens import Role
from tests.support.api import TOKENS, an_api
from tests.support.records import A_MAIL, ReadRecords

ORDERS = [
    ("DELETE", "/v1/queue"),
    ("DELETE", f"/v1/queue/{A_MAIL.id}"),
    ("POST", "/v1/queue/send"),
    ("POST", "/v1/modules/sender/suspend"),
    ("POST", "/v1/modules/sender/resume"),
]


@pytest.fixture
def records() -> ReadRecords:
    return ReadRecords([A_MAIL])


@pytest.fixture
async def anybody(tmp_path: Path, records: ReadRecords) -> AsyncIterator[httpx.AsyncClient]:
    async with an_api(tmp_path, records=records) as api:
        yield api.client()


@pytest.fixture
def operator(anybody: httpx.AsyncClient) -> httpx.AsyncClient:
    anybody.headers["Authorization"] = f"Bearer {TOKENS[Role.OPERATOR]}"
    return anybody


@pytest.mark.parametrize(("method", "path"), ORDERS)
async def test_only_an_operator_changes_anything(
    anybody: httpx.AsyncClient, records: ReadRecords, method: str, path: str
) -> None:
    unknown = await anybody.request(method, path)
    viewer = await anybody.request(method, path, headers={"Authorization": f"Bearer {TOKENS[Role.VIEWER]}"})
    assert (unknown.status_code, viewer.status_code) == (401, 403)
    assert viewer.headers["Content-Type"] == "application/problem+json"
    assert (records.mails, records.suspensions) == ([A_MAIL], frozenset())

    operator = await anybody.request(
        method, path, headers={"Authorization": f"Bearer {TOKENS[Role.OPERATOR]}"}
    )
    assert operator.is_success


async def test_an_operator_removes_mail(operator: httpx.AsyncClient, records: ReadRecords) -> None:
    records.mails += [replace(A_MAIL, id=name, sender=f"{name}@rare.example") for name in "bcd"]

    one = await operator.delete("/v1/queue/b")
    some = await operator.delete("/v1/queue", params={"sender": ["c@*", "d@*"]})

    assert one.json() == {"count": 1, "dry_run": False}
    assert some.json() == {"count": 2, "dry_run": False}
    assert records.mails == [A_MAIL]


async def test_an_operator_has_mail_sent_early(operator: httpx.AsyncClient, records: ReadRecords) -> None:
    records.mails += [replace(A_MAIL, id=name, state="QUE") for name in "bc"]

    one = await operator.post("/v1/queue/b/send")
    all_of_it = await operator.post("/v1/queue/send")

    assert one.json() == {"count": 1, "dry_run": False}
    assert all_of_it.json() == {"count": 2, "dry_run": False}


async def test_an_operator_suspends_and_resumes_modules(
    operator: httpx.AsyncClient, records: ReadRecords
) -> None:
    suspended = await operator.post("/v1/modules/sender/suspend")
    told = (await operator.get("/v1/status")).json()["suspended"]
    resumed = await operator.post("/v1/modules/sender/resume")

    assert (suspended.status_code, resumed.status_code) == (200, 200)
    assert told == ["sender"]
    assert records.suspensions == frozenset()


async def test_mail_is_found_by_all_that_is_said_of_it(
    operator: httpx.AsyncClient, records: ReadRecords
) -> None:
    records.mails += [replace(A_MAIL, id="b", sender="x@rare.example", recipients=("y@far.example",))]
    said = {
        "sender": "*@rare.example",
        "recipient": "y@*",
        "destination": "far.example",
        "since": "2026-01-05T13:00:00+01:00",
        "until": "2026-01-05T12:00:00Z",
        "state": "WFC",
    }

    answer = await operator.get("/v1/queue", params=said)

    assert [mail["id"] for mail in answer.json()["mails"]] == ["b"]


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("DELETE", "/v1/queue/unknown", 404, "no mail of this id is known"),
        ("POST", "/v1/queue/unknown/send", 404, "no mail of this id is known"),
        ("POST", f"/v1/queue/{A_MAIL.id}/send", 409, "not in this state of the mail: WFC"),
        ("POST", "/v1/modules/cellar/suspend", 422, "module: "),
        ("DELETE", "/v1/queue?sendr=a@*", 422, "sendr: there is no such parameter"),
        ("DELETE", "/v1/queue?sender=*a*b*c*d*e*", 422, "sender.0: Value error, at most 5 asterisks"),
        ("DELETE", "/v1/queue?since=2026-01-05T12:00:00", 422, "since: Input should have timezone info"),
    ],
)
async def test_an_order_that_cannot_be_carried_out_changes_nothing(
    operator: httpx.AsyncClient, records: ReadRecords, method: str, path: str, status: int, detail: str
) -> None:
    answer = await operator.request(method, path)

    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.json()["detail"].startswith(detail)
    assert records.mails == [A_MAIL]
