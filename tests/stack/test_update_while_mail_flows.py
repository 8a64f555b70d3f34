"""New databases reach a running gateway: no restart, no mail that nobody looked at, none that is held up."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gateway.bases.catalogue import open_set
from services.scanner.signatures.building import build_set
from services.scanner.signatures.signatures import SHIPPED
from tests.support.bases import MADE_AT
from tests.support.gateway import PROJECT, Site, make_site, running
from tests.support.parts import a_message, a_text, an_attachment
from tests.support.posting import post
from tests.support.signatures import a_rule
from tests.support.smtp_peer import Received, smtp_peer
from tests.support.updates import HOUR, Maker
from tests.support.waiting import until

WORM = b"the worm that this test is about"
MAIL = a_message(a_text(), an_attachment(WORM, "worm.dat"))

WITHIN = 120.0


def publish(maker: Maker, folder: Path, *rules: str) -> str:
    """The shipped anti-virus databases with more rules; their day and records, as headers have them."""
    sources, made = folder / f"sources-{maker.made}", folder / f"set-{maker.made}"
    sources.mkdir()
    made.mkdir()
    for path in (SHIPPED.parent / "sources").iterdir():
        if path.suffix in (".yar", ".sha256"):
            (sources / path.name).write_bytes(path.read_bytes())
    (sources / "more.yar").write_text("".join(rules))
    manifest = build_set(sources, made, MADE_AT + maker.made * HOUR, portable=True)
    maker.made += 1
    maker.server.publish([open_set(made)])
    return manifest.version


async def keepup2date(site: Site, *options: str) -> int:
    """The command as a process of its own, as cron starts it; its return code."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.keepup2date", "-c", str(site.config), *options),
        cwd=PROJECT,
        env=dict(site.environment),
        stdout=asyncio.subprocess.DEVNULL,
    )
    return await asyncio.wait_for(process.wait(), 240)


async def test_databases_are_updated_and_gone_back_from_while_mail_flows(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "server")
    (tmp_path / "root.json").write_bytes(maker.begin())
    async with smtp_peer() as peer:
        site = make_site(
            tmp_path,
            next_hop_port=peer.port,
            settings={
                "updater.options UpdateServerUrl": str(maker.folder),
                "updater.options UseUpdateServerUrl": "yes",
                "gateway.updates RootFile": str(tmp_path / "root.json"),
            },
        )
        publish(maker, tmp_path)
        assert await keepup2date(site) == 1
        with running(site):
            ending, came = asyncio.Event(), peer.received
            posting = asyncio.create_task(post_until(ending, site.smtp_port))
            await until(lambda: len(came) > 3, within=WITHIN)
            assert all(map(passed, came))

            publish(maker, tmp_path, a_rule(f'"{WORM.decode()}"', threat="Worm.Of.The.Test"))
            assert await keepup2date(site) == 1
            await until(lambda: not all(map(passed, came)), within=WITHIN)

            assert await keepup2date(site, "-r") == 1
            met = len(came)
            await until(lambda: any(map(passed, came[met:])), within=WITHIN)
            ending.set()
            posted = await posting
            await until(lambda: len(came) >= posted, within=WITHIN)

    assert len(came) == posted
    assert "started again" not in site.log
    # Each message was scanned with the databases of the one moment or the other, and says so.
    stamps = {line for one in came for line in one.body.splitlines() if line.startswith(b"X-Anti-Virus:")}
    assert all(b"X-Anti-Virus:" in one.body for one in came)
    assert len(stamps) == 2


async def post_until(ending: asyncio.Event, port: int) -> int:
    """Post the same mail again and again; how many times."""
    posted = 0
    while not ending.is_set():
        assert (await post(port, MAIL, ["user@site.example"])).startswith("250")
        posted += 1
    return posted


def passed(message: Received) -> bool:
    """Whether the attachment came through."""
    return b"worm.dat" in message.body
