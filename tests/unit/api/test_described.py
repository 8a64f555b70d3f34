"""The API keeps to its own description, whatever it is asked: a client that is made from it, and imagines.

Every operation is asked by an administrator with what the description allows and with what it does not. No
answer may be a fault, or one that is not described: status, content type, shape.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.domain.endpoint import HostPort
from gateway.domain.journey import Entered
from gateway.domain.pipeline import Stage
from services.api.server import bind, serve_app
from services.api.tokens import Role
from tests.support.api import TOKENS, an_api, description_of
from tests.support.configuration import MINIMAL
from tests.support.mails import a_mail

CURRENT = Path(__file__).parents[3] / "docs" / "reference" / "openapi.json"
ENDLESS = "/v1/events"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
KNOWN = {"Authorization": f"Bearer {TOKENS[Role.ADMINISTRATOR]}"}


@schemathesis.serializer("message/rfc822")
def _as_message(context: schemathesis.SerializationContext, value: object) -> bytes:
    return str(value).encode("utf-8", "replace")


schema = schemathesis.openapi.from_path(str(CURRENT)).exclude(path=ENDLESS)


async def test_the_description_in_the_documents_is_current(tmp_path: Path) -> None:
    told = await description_of(tmp_path)

    assert told == CURRENT.read_text(), "python -m tests.support.api > docs/reference/openapi.json"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where an API answers, in a thread of its own."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ready, ended = threading.Event(), threading.Event()
    folder = tmp_path_factory.mktemp("api")
    thread = threading.Thread(target=lambda: asyncio.run(_serve(folder, port, ready, ended)))
    thread.start()
    try:
        assert ready.wait(60)
        yield f"http://127.0.0.1:{port}"
    finally:
        ended.set()
        thread.join(60)


async def _serve(folder: Path, port: int, ready: threading.Event, ended: threading.Event) -> None:
    config = folder / "smtpgw.conf"
    await asyncio.to_thread(config.write_text, MINIMAL)
    no_limit = {"gateway.api RequestsPerMinute": "1000000", "gateway.api FailuresPerMinute": "10000"}
    async with an_api(folder, settings=no_limit, config=config) as api:
        for number in range(3):
            mail = a_mail(f"mail{number}", subject="<b>\u202e\x00")
            await api.gateway.records.keep(Entered(mail, "antispam", mail.envelope.received_at))
            await api.gateway.bus.park(Stage.SCANNER, mail, "broken")
        stopping = api.gateway.lifecycle.stopping
        with bind(HostPort("127.0.0.1", port)) as bound:
            serving = asyncio.create_task(serve_app(api.app, bound, stopping, ready=ready.set))
            await asyncio.to_thread(ended.wait)
            stopping.set()
            await serving


@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_described(server: str, case: schemathesis.Case[Any]) -> None:
    headers = KNOWN if case.path.startswith("/v1/") else {}
    response = case.call(base_url=server, headers=headers)
    # Nobody runs behind this one: that a part is away is described, and no fault.
    checks = CHECKS if response.status_code != 503 else CHECKS[1:]
    case.validate_response(response, checks=checks)
