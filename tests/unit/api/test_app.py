from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from gateway.records.port import JourneyStep
from gateway.version import VERSION
from services.api.tokens import Role
from tests.support.api import TOKENS, an_api
from tests.support.records import A_MAIL, ReadRecords

TOKEN = TOKENS[Role.VIEWER]
V1 = ["/v1/status", "/v1/queue", f"/v1/messages/{A_MAIL.id}"]


@pytest.fixture
def records() -> ReadRecords:
    return ReadRecords([A_MAIL])


@pytest.fixture
async def anybody(tmp_path: Path, records: ReadRecords) -> AsyncIterator[httpx.AsyncClient]:
    async with an_api(tmp_path, records=records) as api:
        yield api.client()


@pytest.fixture
def viewer(anybody: httpx.AsyncClient) -> httpx.AsyncClient:
    anybody.headers["Authorization"] = f"Bearer {TOKEN}"
    return anybody


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_is_told_to_anybody(anybody: httpx.AsyncClient, path: str) -> None:
    answer = await anybody.get(path)

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_readiness_names_who_is_silent_and_keeps_why_to_the_log(
    anybody: httpx.AsyncClient, records: ReadRecords, caplog: pytest.LogCaptureFixture
) -> None:
    records.away = True

    with caplog.at_level(logging.WARNING):
        answer = await anybody.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "silent": ["records"]}
    assert "192.0.2.53" in caplog.text


async def test_many_questions_about_readiness_are_one_to_the_worlds(
    anybody: httpx.AsyncClient, records: ReadRecords
) -> None:
    for _ in range(5):
        await anybody.get("/readyz")

    assert records.asked == 1


@pytest.mark.parametrize("path", V1)
@pytest.mark.parametrize(
    "authorization", [None, "Bearer wrong", "Bearer ", "Basic bXc6bXc=", f"Token {TOKEN}", "é"]
)
async def test_nothing_else_is_told_without_a_known_token(
    anybody: httpx.AsyncClient, records: ReadRecords, path: str, authorization: str | None
) -> None:
    if authorization is not None:
        anybody.headers = httpx.Headers([*anybody.headers.raw, (b"Authorization", authorization.encode())])

    answer = await anybody.get(path)

    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert records.asked == 0


async def test_status_is_told_to_a_viewer(viewer: httpx.AsyncClient) -> None:
    answer = await viewer.get("/v1/status")

    assert answer.status_code == 200
    told = answer.json()
    assert {disk["size"] > disk["free"] > 0 for disk in told.pop("disks")} == {True}
    assert told == {
        "version": VERSION,
        "states": {"WFC": 1},
        "waiting": {"antispam": 0, "scanner": 0, "sender": 0},
        "parked": 0,
        "suspended": [],
        "serving": {"antispam": 0, "scanner": 0, "sender": 0},
        "missing": ["antispam", "scanner", "sender"],
        "outages": [],
        "licence": {
            "serial": "0001-000001-00000001",
            "holder": "Example Ltd",
            "type": "commercial",
            "scope": "anti-virus and anti-spam",
            "limit": "",
            "last_day": "2027-01-04",
            "days_left": 365,
            "backup": "",
            "used": None,
            "load": None,
            "ends_soon": False,
        },
        "bases": [],
    }


async def test_the_queue_is_walked_by_its_cursor(viewer: httpx.AsyncClient, records: ReadRecords) -> None:
    records.mails += [
        replace(A_MAIL, id=f"later{n}", received_at=A_MAIL.received_at + timedelta(seconds=n + 1))
        for n in range(2)
    ]

    first = (await viewer.get("/v1/queue", params={"limit": 2})).json()
    second = (await viewer.get("/v1/queue", params={"limit": 2, "cursor": first["next"]})).json()

    assert [mail["id"] for mail in first["mails"]] == [A_MAIL.id, "later0"]
    assert [mail["id"] for mail in second["mails"]] == ["later1"]
    assert second["next"] is None


async def test_the_queue_is_listed_by_state(viewer: httpx.AsyncClient, records: ReadRecords) -> None:
    records.mails.append(replace(A_MAIL, id="b", state="QUE"))

    answer = await viewer.get("/v1/queue?state=QUE&state=SND")

    assert [mail["id"] for mail in answer.json()["mails"]] == ["b"]


async def test_a_message_is_told_with_its_whole_journey(
    viewer: httpx.AsyncClient, records: ReadRecords
) -> None:
    finding = {"check": "spam_phrase", "detail": "<b>seen</b>", "score": 100.0, "category": ""}
    records.journeys[A_MAIL.id] = [JourneyStep(A_MAIL.received_at, "Analysed", {"findings": [finding]})]

    answer = await viewer.get(f"/v1/messages/{A_MAIL.id}")

    assert answer.headers["Content-Type"] == "application/json"
    told = answer.json()
    assert told["mail"]["recipients"] == ["b@own.example"]
    assert told["mail"]["received_at"] == "2026-01-05T12:00:00Z"
    assert told["steps"] == [
        {"at": "2026-01-05T12:00:00Z", "kind": "Analysed", "detail": {"findings": [finding]}}
    ]


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/v1/messages/unknown", 404, "no mail of this id is known"),
        ("/v1/messages/" + "x" * 65, 422, "mail_id: String should have at most 64 characters"),
        ("/v1/queue?limit=0", 422, "limit: Input should be greater than or equal to 1"),
        ("/v1/queue?limit=<b>", 422, "limit: "),
        ("/v1/queue?state=all", 422, "state.0: "),
        ("/v1/queue?cursor=x", 400, "the cursor is not one that a listing gave"),
        ("/nowhere", 404, ""),
        ("/openapi.json", 404, ""),
        ("/docs", 404, ""),
    ],
)
async def test_what_cannot_be_answered_is_a_problem_document(
    viewer: httpx.AsyncClient, path: str, status: int, detail: str
) -> None:
    answer = await viewer.get(path)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["title"]
    assert told.get("detail", "").startswith(detail)
    assert "<b>" not in answer.text


async def test_a_method_that_a_route_does_not_have_is_refused(viewer: httpx.AsyncClient) -> None:
    answer = await viewer.put("/v1/status")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET"
    assert answer.json()["status"] == 405


@pytest.mark.parametrize("path", V1)
async def test_a_world_that_is_away_is_a_reason_to_come_back(
    viewer: httpx.AsyncClient, records: ReadRecords, path: str
) -> None:
    records.away = True

    answer = await viewer.get(path)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "192.0.2.53" not in answer.text


async def test_a_fault_of_ours_tells_nothing_of_itself(
    viewer: httpx.AsyncClient, records: ReadRecords
) -> None:
    records.mails = None  # type: ignore[assignment]

    answer = await viewer.get("/v1/queue")

    assert answer.status_code == 500
    assert answer.json() == {"title": "Internal Server Error", "status": 500}


async def test_no_answer_is_kept_run_or_framed(viewer: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/v1/queue", "/nowhere"):
        answer = await viewer.get(path)

        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
