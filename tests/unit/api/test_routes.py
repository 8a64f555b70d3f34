"""What each noun of the API answers, over real records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from gateway.domain.journey import Entered
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Stage
from gateway.domain.statistics import Counter
from gateway.domain.storage import Storage, StorageKind, StoredStatus
from gateway.licences.keyfile import write_key
from gateway.operations.storages import id_of
from gateway.runtime.clock import utc_now
from services.api.tokens import Role
from tests.support.api import Api, an_api
from tests.support.licences import MAKER, a_licence
from tests.support.mails import NOON, a_mail, an_envelope
from tests.support.records import A_MAIL, ReadRecords

HOSTILE = '<script>alert(1)</script>\r\nX-Evil: 1\x00"; \u202e\u2028 ; filename=/etc/passwd'
MESSAGE = (
    b"Subject: =?utf-8?q?=3Cscript=3Ealert=281=29=3C/script=3E?=\r\n"
    b"From: a@client.example\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\n\r\nhello\r\n"
    b"--b\r\nContent-Type: application/zip\r\n"
    b'Content-Disposition: attachment; filename="../../etc/pass\x01wd"\r\n\r\nPK\r\n--b--\r\n'
)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    archive = str(tmp_path / "archive")
    async with an_api(tmp_path, settings={"smtpgw.path IncomingArchivePath": archive}) as opened:
        yield opened


@pytest.fixture
def viewer(api: Api) -> httpx.AsyncClient:
    return api.client(Role.VIEWER)


@pytest.fixture
def operator(api: Api) -> httpx.AsyncClient:
    return api.client(Role.OPERATOR)


@pytest.fixture
def administrator(api: Api) -> httpx.AsyncClient:
    return api.client(Role.ADMINISTRATOR)


async def stored(api: Api, *names: str) -> str:
    """Messages in the incoming archive; the address of its entries."""
    archive = Storage(StorageKind.INCOMING, api.gateway.settings.incoming_archive.path)
    for number, name in enumerate(names):
        writer = api.gateway.blobs.create(name)
        await writer.write(MESSAGE)
        mail = a_mail(name, body=await writer.commit(), subject=HOSTILE)
        at = NOON + timedelta(seconds=number)
        await api.gateway.storages.keep(archive, mail, StoredStatus.RECEIVED, at=at)
    return f"/v1/storages/{id_of(archive.path)}"


async def entered(api: Api, *mails: Mail) -> None:
    await api.gateway.records.keep(*(Entered(mail, "antispam", mail.envelope.received_at) for mail in mails))


async def test_storages_are_told_with_what_they_hold(api: Api, viewer: httpx.AsyncClient) -> None:
    place = await stored(api, "a", "b")

    told = (await viewer.get("/v1/storages")).json()

    [archive] = [storage for storage in told if place.endswith(storage["id"])]
    assert archive["kinds"] == ["incoming archive"]
    assert archive["holds"] == {"entries": 2, "size": 2 * len(MESSAGE)}


async def test_a_storage_is_listed_page_by_page(api: Api, viewer: httpx.AsyncClient) -> None:
    place = await stored(api, "a", "b", "c")

    first = (await viewer.get(f"{place}/entries", params={"limit": 2, "newest_first": "true"})).json()
    rest = (
        await viewer.get(f"{place}/entries", params={"cursor": first["next"], "newest_first": "true"})
    ).json()
    none = (await viewer.get(f"{place}/entries", params={"sender": "x@*"})).json()
    wrong = await viewer.get(f"{place}/entries", params={"cursor": "x"})

    assert [entry["id"] for entry in (*first["entries"], *rest["entries"])] == ["c", "b", "a"]
    assert (rest["next"], none["entries"], wrong.status_code) == (None, [], 400)


async def test_what_a_message_is_made_of_is_told_as_text(api: Api, viewer: httpx.AsyncClient) -> None:
    place = await stored(api, "a")

    answer = await viewer.get(f"{place}/entries/a")

    assert answer.headers["Content-Type"] == "application/json"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    told = answer.json()
    assert told["entry"]["subject"] == HOSTILE
    assert told["message"]["fields"][0] == {"name": "Subject", "value": "<script>alert(1)</script>"}
    assert [part["path"] for part in told["message"]["parts"]] == ["", "1", "2"]
    assert told["message"]["parts"][2]["name"].endswith("wd")
    assert "hello" not in answer.text


async def test_a_message_is_downloaded_as_a_file_that_no_browser_shows(
    api: Api, operator: httpx.AsyncClient, viewer: httpx.AsyncClient
) -> None:
    place = await stored(api, "a")

    answer = await operator.get(f"{place}/entries/a/message")
    refused = await viewer.get(f"{place}/entries/a/message")

    assert answer.content == MESSAGE
    assert answer.headers["Content-Type"] == "message/rfc822"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a.eml"'
    assert "X-Evil" not in answer.headers
    assert refused.status_code == 403


async def test_a_file_that_was_removed_by_hand_is_not_found(api: Api, operator: httpx.AsyncClient) -> None:
    place = await stored(api, "a")
    entry = await api.gateway.storages.entries.find(api.gateway.settings.incoming_archive.path, "a")
    assert entry
    await api.gateway.storages._place.remove(entry.name)

    answers = [await operator.get(f"{place}/entries/a{path}") for path in ("", "/message")]

    assert [answer.status_code for answer in answers] == [404, 404]


async def test_entries_are_released_and_removed_and_a_dry_run_does_neither(
    api: Api, operator: httpx.AsyncClient
) -> None:
    place = await stored(api, "a", "b", "c")

    async def count(method: str, path: str, **params: str | list[str]) -> int:
        answer = await operator.request(method, f"{place}/{path}", params=params)
        assert answer.status_code == 200
        return int(answer.json()["count"])

    assert await count("POST", "release", everything="true", dry_run="true") == 3
    assert await count("POST", "release", id=["a", "nobody"]) == 1
    assert await count("POST", "release", id="a", dry_run="1") == 0
    assert await count("DELETE", "entries", everything="true", dry_run="true") == 2
    assert await count("DELETE", "entries/b", dry_run="true") == 1
    assert await count("DELETE", "entries/b") == 1
    assert await count("DELETE", "entries", everything="true") == 1
    assert (await operator.delete(f"{place}/entries/a")).status_code == 409
    left = (await operator.get(f"{place}/entries")).json()["entries"]
    assert [(entry["id"], bool(entry["ordered_at"])) for entry in left] == [("a", True)]


@pytest.mark.parametrize("params", [{}, {"id": "a", "everything": "true"}])
async def test_all_of_a_storage_has_to_be_meant(
    api: Api, operator: httpx.AsyncClient, params: dict[str, str]
) -> None:
    place = await stored(api, "a")

    answers = [
        await operator.request(method, f"{place}/{path}", params=params)
        for method, path in (("DELETE", "entries"), ("POST", "release"))
    ]

    assert [answer.status_code for answer in answers] == [400, 400]


async def test_messages_are_found_and_told_with_what_came_of_them(
    api: Api, viewer: httpx.AsyncClient
) -> None:
    late = replace(an_envelope("zoe@site.example"), received_at=NOON + timedelta(hours=1))
    await entered(
        api,
        a_mail("aaaa", subject=HOSTILE),
        a_mail("bbbb", source_id="aaaa"),
        a_mail("cccc", envelope=late, subject="Invoice 7"),
    )

    by_subject = (await viewer.get("/v1/messages", params={"subject": "*script*"})).json()
    by_recipient = (await viewer.get("/v1/messages", params={"recipient": "zoe@*"})).json()
    all_of_them = (await viewer.get("/v1/messages", params={"limit": 1})).json()
    journey = (await viewer.get("/v1/messages/aaaa")).json()

    assert [mail["subject"] for mail in by_subject["mails"]] == [HOSTILE.replace("\x00", "\ufffd")]
    assert [mail["id"] for mail in by_recipient["mails"]] == ["cccc"]
    assert [mail["id"] for mail in all_of_them["mails"]] == ["cccc"]
    assert all_of_them["next"]
    assert [mail["id"] for mail in journey["made"]] == ["bbbb"]
    assert [step["kind"] for step in journey["steps"]] == ["Entered"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("cursor=x", 400),
        ("limit=501", 422),
        ("state=nowhere", 422),
        ("subject=a%00b", 422),
        ("since=yesterday", 422),
        ("sender=" + "x" * 321, 422),
        ("&".join(["sender=a"] * 21), 422),
    ],
)
async def test_a_wrong_question_about_messages_is_refused(
    viewer: httpx.AsyncClient, query: str, status: int
) -> None:
    answer = await viewer.get(f"/v1/messages?{query}")

    assert (answer.status_code, answer.json()["status"]) == (status, status)


async def test_statistics_are_told_in_total_by_hour_and_by_day(api: Api, viewer: httpx.AsyncClient) -> None:
    api.gateway.records.count(Counter.SENT_MESSAGES, 3)
    await api.gateway.records.keep()
    since = (utc_now() - timedelta(hours=30)).isoformat()

    total = (await viewer.get("/v1/stats")).json()["counters"]
    hours = (await viewer.get("/v1/stats/hour", params={"since": since})).json()
    days = (await viewer.get("/v1/stats/day", params={"since": since})).json()
    too_long = await viewer.get("/v1/stats/hour", params={"since": "2020-01-01T00:00:00Z"})
    backwards = await viewer.get("/v1/stats/day?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z")

    assert total["mta_sent_messages"] == 3
    assert [period["counters"] for period in hours["periods"]] == [{"mta_sent_messages": 3}]
    assert [period["counters"] for period in days["periods"]] == [{"mta_sent_messages": 3}]
    assert (too_long.status_code, backwards.status_code) == (400, 400)


async def test_parked_mail_is_told_put_back_and_dropped(
    api: Api, viewer: httpx.AsyncClient, operator: httpx.AsyncClient
) -> None:
    for name in ("aaaa", "bbbb"):
        mail = a_mail(name, subject=HOSTILE)
        await entered(api, mail)
        await api.gateway.bus.park(Stage.SCANNER, mail, "ValueError: broken")

    listed = (await viewer.get("/v1/parked")).json()["mails"]
    paged = (await viewer.get("/v1/parked", params={"limit": 1})).json()
    rest = (await viewer.get("/v1/parked", params={"cursor": paged["next"]})).json()
    ids = {mail["mail_id"]: mail["id"] for mail in listed}
    dry = await operator.post(f"/v1/parked/{ids['aaaa']}/retry?dry_run=true")
    retried = await operator.post(f"/v1/parked/{ids['aaaa']}/retry")
    again = await operator.post(f"/v1/parked/{ids['aaaa']}/retry")
    dropped = await operator.delete(f"/v1/parked/{ids['bbbb']}")

    assert {mail["reason"] for mail in listed} == {"ValueError: broken"}
    assert {mail["stage"] for mail in listed} == {"scanner"}
    assert sorted(mail["id"] for mail in (*paged["mails"], *rest["mails"])) == sorted(ids.values())
    assert (dry.json(), retried.json()) == (
        {"count": 1, "dry_run": True},
        {"count": 1, "dry_run": False},
    )
    assert (again.status_code, dropped.status_code) == (404, 200)
    assert (await viewer.get("/v1/messages/bbbb")).json()["mail"]["state"] == "removed"
    assert (await api.gateway.bus.depth())[Stage.SCANNER] == 1
    assert (await viewer.get("/v1/parked")).json()["mails"] == []


async def test_modules_are_suspended_and_a_dry_run_says_what_would_change(
    viewer: httpx.AsyncClient, operator: httpx.AsyncClient
) -> None:
    dry = await operator.post("/v1/modules/sender/suspend?dry_run=true")
    before = (await viewer.get("/v1/modules")).json()
    done = await operator.post("/v1/modules/sender/suspend")
    twice = await operator.post("/v1/modules/sender/suspend?dry_run=true")
    after = (await viewer.get("/v1/modules")).json()

    assert [answer.json()["count"] for answer in (dry, done, twice)] == [1, 1, 0]
    assert not any(module["suspended"] for module in before)
    assert [module["module"] for module in after if module["suspended"]] == ["sender"]


async def test_a_licence_key_is_installed_shown_and_removed(
    api: Api, viewer: httpx.AsyncClient, administrator: httpx.AsyncClient
) -> None:
    key, text = write_key(a_licence(), MAKER), {"Content-Type": "text/plain"}

    dry = await administrator.post("/v1/license/keys?dry_run=true", content=key, headers=text)
    nothing = (await viewer.get("/v1/license")).json()["active"]
    done = await administrator.post("/v1/license/keys?file=a.key", content=key, headers=text)
    shown = (await viewer.get("/v1/license")).json()["active"]
    usage = (await viewer.get("/v1/license/usage")).json()
    twice = await administrator.post("/v1/license/keys", content=key, headers=text)
    forged = await administrator.post("/v1/license/keys", content=b"\xff\x00", headers=text)
    removed = await administrator.delete("/v1/license/keys/active")

    assert (dry.json()["key"]["place"], nothing) == ("active", None)
    assert (done.status_code, shown["file"], usage["limit"]) == (200, "a.key", "")
    assert (twice.status_code, forged.status_code) == (409, 409)
    assert removed.json() == {"places": ["active"], "dry_run": False}


async def test_databases_are_told_and_without_a_source_not_updated(
    viewer: httpx.AsyncClient, administrator: httpx.AsyncClient
) -> None:
    listed = await viewer.get("/v1/bases")
    updated = await administrator.post("/v1/bases/update?dry_run=true")
    back = await administrator.post("/v1/bases/roll-back?dry_run=true")

    assert listed.json() == []
    assert (updated.status_code, back.status_code) == (409, 409)


async def test_who_changed_what_is_on_record_and_shown_to_administrators(
    api: Api, operator: httpx.AsyncClient, administrator: httpx.AsyncClient
) -> None:
    place = await stored(api, "a")
    await operator.post("/v1/modules/sender/suspend?dry_run=true")
    await operator.delete("/v1/queue/zzzz")
    await operator.get(f"{place}/entries/a/message")
    await api.client(Role.VIEWER).delete("/v1/queue")

    records = (await administrator.get("/v1/audit")).json()["records"]
    one = (await administrator.get("/v1/audit", params={"action": "remove_queued_mail"})).json()["records"]

    assert [(record["action"], record["result"], record["dry_run"]) for record in reversed(records)] == [
        ("suspend_module", 200, True),
        ("remove_queued_mail", 404, False),
        ("download_entry", 200, False),
    ]
    assert {(record["who"], record["role"], record["address"]) for record in records} == {
        ("operator", "operator", "127.0.0.1")
    }
    assert records[-1]["target"] == "/v1/modules/sender/suspend?dry_run=true"
    assert '"count":1' in records[-1]["detail"]
    assert one[0]["detail"] == "no mail of this id is known"


async def test_nothing_is_changed_that_cannot_be_put_on_record(tmp_path: Path) -> None:
    records = ReadRecords([A_MAIL])
    records.audit.away = True
    async with an_api(tmp_path, records=records) as api:
        answer = await api.client(Role.OPERATOR).delete("/v1/queue")

    assert answer.status_code == 503
    assert records.mails == [A_MAIL]
