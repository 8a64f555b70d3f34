"""Archives and quarantines of a gateway that runs, in the hands of an administrator, in every shape."""

from __future__ import annotations

import asyncio
import random
import re
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.gateway import PROJECT, GatewayProcess, Site, make_site
from tests.support.passage import an_address
from tests.support.postgres import postgres_database
from tests.support.posting import post
from tests.support.rabbitmq import broker, forget
from tests.support.s3 import s3_server
from tests.support.samples import virus_test_file, with_attachment
from tests.support.smtp_sink import Sink
from tests.support.standing import Standing, standing
from tests.support.waiting import until

INFECTED = with_attachment("Lunch on Friday?", virus_test_file())
BLOCKING = {
    "smtpgw.policy BlockMessage": "infected",
    "smtpgw.policy QuarantineMessage": "infected",
    "smtpgw.options User": "",
    "smtpgw.options Group": "",
}
CODE_4 = 4
RECORD = r"^(\w{13}) (\S+) \d+ .* 127\.0\.0\.1 <from@client\.example> -> <(.*)>$"


@pytest_asyncio.fixture(params=["embedded", "pipeline", "s3"])
async def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Standing]:
    settings = BLOCKING | {"smtpgw.path IncomingArchivePath": str(tmp_path / "arch_in")}
    match request.param:
        case "embedded":
            async with standing(tmp_path, settings=settings) as running:
                yield running
        case "pipeline":
            namespace = f"storages-{uuid.uuid4().hex}"
            with broker() as bus_url, postgres_database() as records_url:
                try:
                    places = {"bus_url": bus_url, "namespace": namespace, "records_url": records_url}
                    async with standing(tmp_path, settings=settings, **places) as running:
                        yield running
                finally:
                    await forget(bus_url, namespace)
        case _:
            with s3_server() as store:
                patched = request.getfixturevalue("monkeypatch")
                for name, value in store.environment.items():
                    patched.setenv(name, value)
                bodies = {
                    "gateway.blobs Url": f"s3://{store.bucket}/mail",
                    "gateway.blobs Endpoint": store.endpoint,
                }
                async with standing(tmp_path, settings=settings | bodies) as running:
                    yield running


async def test_what_lies_in_a_storage_is_listed_sent_and_removed(gateway: Standing) -> None:
    quarantine, archive = gateway.site.folder / "quarantine" / "av", gateway.site.folder / "arch_in"
    freed, rescanned = an_address(), an_address()
    await gateway.post(INFECTED, freed)
    await gateway.post(INFECTED, rescanned)
    await blocked(gateway, freed, times=1)
    await blocked(gateway, rescanned, times=1)

    entries = re.findall(RECORD, await klmaila(gateway.site, quarantine, "--show-all"), re.MULTILINE)
    [(freed_id, *_)] = [entry for entry in entries if entry[1:] == ("av/infected", freed)]
    [(rescanned_id, *_)] = [entry for entry in entries if entry[1:] == ("av/infected", rescanned)]
    await klmaila(gateway.site, quarantine, f"--send-id-without-check={freed_id}")
    await klmaila(gateway.site, quarantine, f"--send-id={rescanned_id}")

    arrived = await gateway.arrival(freed)
    assert arrived.body.endswith(INFECTED)
    assert b"X-Storage-Entry" not in arrived.body
    await blocked(gateway, rescanned, times=2)
    refusal = await klmaila(gateway.site, quarantine, f"--send-id={freed_id}", code=CODE_4)
    assert "was sent before" in refusal
    # What was blocked again lies there again.
    removal = await klmaila(gateway.site, quarantine, "--remove-all")
    assert removal == "Total: 3 archived messages have been removed.\n"
    accepted = re.findall(RECORD, await klmaila(gateway.site, archive, "--show-all"), re.MULTILINE)
    assert [entry[1:] for entry in accepted] == [("RCV", freed), ("RCV", rescanned)]
    assert not gateway.arrived(rescanned)
    assert not list(quarantine.rglob("*.eml"))


async def blocked(gateway: Standing, address: str, *, times: int) -> None:
    """Return when that was logged so often."""
    await until(lambda: gateway.site.log.count(f"BLOCKED, rcpt={address},") == times)


async def klmaila(site: Site, storage: Path, *options: str, code: int = 0) -> str:
    """What the command says after its banner."""
    process = await asyncio.create_subprocess_exec(
        *command(site, storage, *options),
        cwd=PROJECT,
        env=dict(site.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == code, said
    _, _, lines = said.decode().partition("\n")
    return lines


def command(site: Site, storage: Path, *options: str) -> Sequence[str]:
    return (
        *(sys.executable, "-m", "cli.klmaila", "-c", str(site.config)),
        *(f"--archivepath={storage}", *options),
    )


MESSAGES = 40
KILLS = 2
ARRIVAL_SECONDS = 120.0


def test_all_of_an_archive_is_sent_once_however_often_gateway_and_command_are_killed(tmp_path: Path) -> None:
    archive = tmp_path / "arch_in"
    dice = random.Random()
    with Sink() as sink:
        settings = BLOCKING | {"smtpgw.path IncomingArchivePath": str(archive)}
        site = make_site(tmp_path, next_hop_port=sink.port, settings=settings)
        gateway = GatewayProcess(site)
        gateway.start()
        try:
            numbers = {uuid.uuid4().hex for _ in range(MESSAGES)}
            for number in numbers:
                message = f"Subject: {number}\r\nX-Number: {number}\r\n\r\nhello\r\n".encode()
                assert asyncio.run(post(site.smtp_port, message, ["b@site.example"])).startswith("250")
            wait_for(sink, numbers, times=1)

            moments = []
            for _ in range(KILLS):
                order_and_kill(site, archive, dice.uniform(0.3, 2.5))
                gateway.kill()
                moments.append(time.monotonic())
                gateway.start()
            subprocess.run(
                command(site, archive, "--send-all"), cwd=PROJECT, env=dict(site.environment), check=True
            )

            wait_for(sink, numbers, times=2)
            arrivals = sink.arrivals()
        finally:
            gateway.kill()

    for times in arrivals.values():
        # The one more that a kill may cost: between a next hop's 250 and the word that it came.
        assert len(times) == 2 or any(times[1] <= moment <= times[-1] for moment in moments)


def order_and_kill(site: Site, archive: Path, after: float) -> None:
    """Begin to have all sent, and kill the command in the middle, or when it has just ended."""
    process = subprocess.Popen(command(site, archive, "--send-all"), cwd=PROJECT, env=dict(site.environment))
    with suppress(subprocess.TimeoutExpired):
        process.wait(after)
    process.kill()
    process.wait()


def wait_for(sink: Sink, numbers: set[str], *, times: int) -> None:
    """Return when each message has come so often."""
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while missing := [number for number in numbers if len(sink.arrivals().get(number, ())) < times]:
        assert time.monotonic() < deadline, f"{len(missing)} of {len(numbers)} are missing"
        time.sleep(0.1)
