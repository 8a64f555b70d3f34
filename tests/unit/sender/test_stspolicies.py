"""MTA-STS policies as they are fetched, over real HTTPS with an authority of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.sender.https import Https, NotFetched
from services.sender.mtasts import Mode, StsPolicy
from services.sender.stspolicies import LARGEST_POLICY, RETRY_SECONDS, StsPolicies
from services.sender.tls import TlsContexts
from tests.support.certificates import Certificate, authority, host_certificate
from tests.support.clock import Clock
from tests.support.https_server import HttpsServer, https_server
from tests.support.waiting import until
from tests.support.zones import ZoneDns

ROOT = authority("Root")
GOOD = host_certificate("mta-sts.b.example", by=ROOT)
POLICY = b"version: STSv1\nmode: enforce\nmx: mx.b.example\nmax_age: 86400\n"
ENFORCED = StsPolicy(Mode.ENFORCE, 86400, ("mx.b.example",))


@dataclass
class Site:
    """A domain with a policy, and who asks for it."""

    server: HttpsServer
    dns: ZoneDns
    policies: StsPolicies
    https: Https
    clock: Clock

    def announce(self, identity: str) -> None:
        self.dns.records["_mta-sts.b.example txt"] = [f"v=STSv1; id={identity};"] if identity else []


@asynccontextmanager
async def a_site(folder: Path, certificate: Certificate = GOOD) -> AsyncIterator[Site]:
    dns = ZoneDns({"mta-sts.b.example A": ["127.0.0.1"]})
    async with https_server(certificate.server_context(folder)) as server:
        server.content = POLICY
        https = Https(dns, TlsContexts().verifying(str(ROOT.write(folder, "root")[0])), port=server.port)
        clock = Clock()
        site = Site(server, dns, StsPolicies(dns, https.fetch, clock=clock), https, clock)
        site.announce("1")
        try:
            yield site
        finally:
            await https.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path) as site:
        yield site


async def test_a_policy_that_is_announced_is_fetched_once(site: Site) -> None:
    first = await site.policies.of("b.example")
    again = await site.policies.of("b.example")

    assert first == again == ENFORCED
    assert site.server.asked == ["mta-sts.b.example /.well-known/mta-sts.txt"]


async def test_many_who_ask_at_once_ask_once(site: Site) -> None:
    found = await asyncio.gather(*(site.policies.of("b.example") for _ in range(10)))

    assert found == [ENFORCED] * 10
    assert len(site.server.asked) == 1


async def test_who_announces_nothing_is_asked_nothing(site: Site) -> None:
    site.announce("")

    assert await site.policies.of("b.example") is None
    assert not site.server.asked


async def test_a_new_id_means_a_new_policy(site: Site) -> None:
    await site.policies.of("b.example")
    site.server.content = POLICY.replace(b"enforce", b"testing")
    site.announce("2")

    policy = await site.policies.of("b.example")

    assert policy
    assert policy.mode is Mode.TESTING


async def test_a_policy_is_asked_for_again_when_its_time_is_over(site: Site) -> None:
    await site.policies.of("b.example")
    site.clock.seconds = 86400
    site.server.content = POLICY.replace(b"mx.b", b"new.b")

    policy = await site.policies.of("b.example")

    assert policy
    assert policy.patterns == ("new.b.example",)


async def test_a_known_policy_holds_whoever_falls_silent(site: Site) -> None:
    await site.policies.of("b.example")
    site.announce("")
    without_record = await site.policies.of("b.example")
    site.dns.records["_mta-sts.b.example fail"] = []
    without_dns = await site.policies.of("b.example")
    del site.dns.records["_mta-sts.b.example fail"]
    site.announce("2")
    site.server.status = "500 Oh dear"
    without_server = await site.policies.of("b.example")

    assert without_record == without_dns == without_server == ENFORCED


@pytest.mark.parametrize(
    ("status", "content_type", "content"),
    [
        ("404 Not Found", "text/plain", POLICY),
        ("301 Moved", "text/plain", POLICY),
        ("200 OK", "text/html", POLICY),
        ("200 OK", "text/plain", b"nonsense"),
        ("200 OK", "text/plain", POLICY + b"\n" * LARGEST_POLICY),
    ],
)
async def test_what_is_no_policy_keeps_no_mail_back_and_is_asked_for_again_later(
    site: Site, status: str, content_type: str, content: bytes
) -> None:
    site.server.headers = ("Location: https://mta-sts.b.example/elsewhere",)
    site.server.status, site.server.content_type, site.server.content = status, content_type, content
    first = await site.policies.of("b.example")
    site.server.status, site.server.content_type, site.server.content = "200 OK", "text/plain", POLICY
    soon = await site.policies.of("b.example")
    site.clock.seconds = RETRY_SECONDS
    later = await site.policies.of("b.example")

    assert (first, soon, later) == (None, None, ENFORCED)
    assert site.server.asked == ["mta-sts.b.example /.well-known/mta-sts.txt"] * 2


@pytest.mark.parametrize(
    "certificate",
    [
        host_certificate("mta-sts.b.example"),
        host_certificate("b.example", by=ROOT),
        host_certificate("127.0.0.1", by=ROOT),
        host_certificate("mta-sts.b.example", by=authority("Somebody")),
    ],
)
async def test_a_server_that_cannot_prove_its_name_is_not_believed(
    tmp_path: Path, certificate: Certificate
) -> None:
    async with a_site(tmp_path, certificate) as site:
        assert await site.policies.of("b.example") is None
        assert not site.server.asked


@pytest.mark.parametrize("zone", [{}, {"mta-sts.b.example FAIL": []}, {"mta-sts.b.example A": ["127.0.0.2"]}])
async def test_a_server_that_cannot_be_reached_is_not_waited_for(
    site: Site, zone: dict[str, list[str]]
) -> None:
    site.dns.records = {key.lower(): value for key, value in zone.items()}

    with pytest.raises(NotFetched):
        await site.https.fetch("mta-sts.b.example", "/", content_type="text/plain", most_bytes=1)


async def test_the_next_address_is_asked_when_one_is_down(site: Site) -> None:
    site.dns.records["mta-sts.b.example a"] = ["127.0.0.2", "127.0.0.1"]

    assert await site.policies.of("b.example") == ENFORCED


async def test_who_no_longer_waits_for_a_policy_leaves_it_to_the_others(site: Site) -> None:
    site.server.hold = asyncio.Event()
    impatient = asyncio.create_task(site.policies.of("b.example"))
    patient = asyncio.create_task(site.policies.of("b.example"))
    await until(lambda: bool(site.server.asked))
    impatient.cancel()
    site.server.hold.set()

    assert await patient == ENFORCED
    assert len(site.server.asked) == 1
