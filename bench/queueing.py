"""`klmailq` on a long queue: seconds, CPU and memory of the command itself.

`python -m bench.queueing --mails 100000` fills a queue with deferred mail of 5 KB, lists it, finds the mail
of one sender in it, has a hundredth of it sent early and removes the rest, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop

from gateway.bus import wire
from gateway.config.load import load_settings
from gateway.domain.journey import Deferred, Entered, Event
from gateway.domain.mail import BodyRef, Envelope, Mail, Recipient
from gateway.runtime.wiring import open_records
from tests.support.gateway import PROJECT, Site, make_site
from tests.support.postgres import postgres_database

BODY = b"Subject: waiting\r\n\r\n" + b"The quick brown fox jumps over the lazy dog.\r\n" * 110
AT_ONCE = 400
ORDERS = {
    "list": ("--show-all",),
    "find": ("--show-all", "--sender=sender7@*"),
    "send 1 %": ("--send-all", "--sender=*00@*"),
    "remove": ("--remove-all",),
}


def events_of(count: int) -> Iterator[tuple[Event, Event]]:
    """What the records know of so many deferred mails."""
    start = datetime.now(UTC) - timedelta(hours=1)
    for number in range(count):
        at = start + timedelta(milliseconds=number)
        mail_id = f"mail{number:09}"
        envelope = Envelope(
            sender=f"sender{number}@client.example",
            recipients=(Recipient(f"user{number}@site.example"),),
            client_ip="192.0.2.1",
            received_at=at,
        )
        body = BodyRef(f"{'0' * 64}-{mail_id}", len(BODY), carried=BODY)
        mail = Mail(id=mail_id, source_id=mail_id, envelope=envelope, body=body, attempts=1)
        until = at + timedelta(hours=6)
        yield (
            Entered(mail, "sender", at),
            Deferred(mail_id, at, until, "greylisted", 1, copy=wire.encode(mail)),
        )


async def fill(site: Site, count: int) -> None:
    """Have so many mails wait."""
    records = await open_records(load_settings(site.config, site.environment))
    page: list[Event] = []
    for both in events_of(count):
        page += both
        if len(page) >= AT_ONCE:
            await records.keep(*page)
            page = []
    await records.keep(*page)
    await records.close()


def run(site: Site, options: tuple[str, ...]) -> tuple[float, float, float, str]:
    """Seconds, CPU seconds and MB of the command, and its last line."""
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.klmailq", "-c", str(site.config), *options],
            cwd=PROJECT,
            env=dict(site.environment),
            stdout=said,
        )
        _, status, used = os.wait4(process.pid, 0)
        taken = time.perf_counter() - began
        said.seek(0)
        last = said.read().decode().splitlines()[-1]
    assert status == 0, last
    return taken, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, last


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=100_000)
    parser.add_argument("--records", nargs="*", default=["SQLite", "PostgreSQL"])
    chosen = parser.parse_args()
    print(f"{'records':<12}{'order':<10}{'s':>8}{'CPU s':>8}{'MB':>7}  last line", flush=True)
    for name in chosen.records:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailwarden-bench-")))
            url = stack.enter_context(postgres_database()) if name == "PostgreSQL" else ""
            site = make_site(folder, next_hop_port=1, records_url=url)
            uvloop.run(fill(site, chosen.mails))
            for order, options in ORDERS.items():
                taken, cpu, memory, last = run(site, options)
                print(f"{name:<12}{order:<10}{taken:>8.1f}{cpu:>8.1f}{memory:>7.0f}  {last}", flush=True)


if __name__ == "__main__":
    main()
