"""`make run`: a gateway to try out, with a mailbox behind it, all in one directory and on loopback."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import click

from cli.mailbox import Address, mailbox
from gateway.config.sections.gateway import METRICS_PORT
from gateway.domain.endpoint import HostPort
from gateway.runtime.exitcodes import ExitCode
from gateway.runtime.shapes import with_our_code

SHIPPED = Path(__file__).parents[1] / "deploy" / "config" / "smtpgw.conf"
"""The configuration that comes with the gateway, each parameter explained."""

EVALUATION_KEY = SHIPPED.parents[1] / "licences" / "evaluation.key"
"""The licence key with which everybody may try the gateway."""

_PLACES = {
    "/var/lib/mailwarden": "",
    "/var/log/mailwarden": "",
    "/run/mailwarden": "",
    "/var/spool/mailwarden": "/queue",
}
"""The directories of the shipped configuration, and those of ours below the home."""

_DIRECTORIES = (
    "mailbox",
    "queue",
    "control",
    "bases",
    "licenses",
    "ichecker",
    "stat",
    "quarantine/av",
    "quarantine/spam",
)

_PATIENCE = 60.0
"""Seconds for the gateway to end after it was told to: longer than it gives its own processes."""


METRICS = HostPort("127.0.0.1", METRICS_PORT)
"""Where the numbers for Prometheus are, unless somebody wants them elsewhere."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a gateway for trying out lives."""

    home: Path
    smtp: HostPort
    mailbox: HostPort
    api: HostPort
    metrics: HostPort = METRICS

    @property
    def config(self) -> Path:
        """Its configuration."""
        return self.home / "smtpgw.conf"

    @property
    def messages(self) -> Path:
        """The messages that came through, one file each."""
        return self.home / "mailbox"

    @property
    def records(self) -> Path:
        """The records of all mail, while `Url` of `[gateway.records]` is as it ships."""
        return self.home / "queue" / "records.sqlite"


@click.command()
@click.option(
    "--home", type=click.Path(file_okay=False, path_type=Path), default=Path("var"), show_default=True
)
@click.option("--smtp", type=Address(), default=HostPort("127.0.0.1", 2525), help="Where mail comes in.")
@click.option("--mailbox", "box", type=Address(), default=HostPort("127.0.0.1", 2526), help="Where it goes.")
@click.option("--api", type=Address(), default=HostPort("127.0.0.1", 8025), help="Where the API is.")
@click.option(
    "--metrics",
    type=Address(),
    default=METRICS,
    help="Where the numbers for Prometheus are.",
)
def develop(home: Path, smtp: HostPort, box: HostPort, api: HostPort, metrics: HostPort) -> None:
    """Run a gateway and its mailbox in the foreground, until Ctrl-C.

    The addresses are written into a new configuration; one that is there stays as it is.
    """
    place = Place(home.absolute(), smtp, box, api, metrics)
    try:
        prepare(place)
    except OSError as problem:
        print(f"{problem.filename}: {problem.strerror}: make {place.home} writable", file=sys.stderr)
        sys.exit(ExitCode.SYSTEM_ERROR)
    sys.exit(asyncio.run(_run(place)))


def prepare(place: Place) -> None:
    """Make the directories and, where there are none yet, the configuration and a licence key."""
    for directory in _DIRECTORIES:
        (place.home / directory).mkdir(parents=True, exist_ok=True)
    if not any((place.home / "licenses").iterdir()):
        shutil.copy(EVALUATION_KEY, place.home / "licenses")
    if not place.config.exists():
        text = SHIPPED.read_text()
        for shipped, ours in _PLACES.items():
            text = text.replace(f"={shipped}", f"={place.home}{ours}")
        unfinished = place.config.with_suffix(".new")
        unfinished.write_text(with_values(text, _values(place)) + _GROUPS)
        unfinished.rename(place.config)


def with_values(text: str, values: Mapping[tuple[str, str], Sequence[str]]) -> str:
    """A configuration with other values for the parameters `(section, parameter)`, else as it was.

    They stand where the parameter stood first, or at the end of their section when it did not.
    """
    waiting, lines, section = dict(values), list[str](), ""
    for line in [*text.splitlines(), "["]:
        if line.startswith("["):
            for (of, name), given in list(waiting.items()):
                if of == section:
                    lines += [f"{name}={value}" for value in given]
                    del waiting[of, name]
            section = line.strip("[] ")
        name = line.partition("=")[0].strip()
        if (section, name) in values and "=" in line:
            lines += [f"{name}={value}" for value in waiting.pop((section, name), ())]
        else:
            lines.append(line)
    return "\n".join(lines[:-1]) + "\n"


def _values(place: Place) -> dict[tuple[str, str], Sequence[str]]:
    return {
        # Nothing that is tried out leaves this machine, and nobody else can use it as a relay.
        ("smtpgw.access", "RelayRule"): ["allow from 127.0.0.0/8 to *", "deny from any to *"],
        ("smtpgw.forward", "ForwardRoute"): [f"*@* [{place.mailbox}]"],
        ("smtpgw.network", "ListenOn"): [str(place.smtp)],
        ("smtpgw.network", "Hostname"): ["gateway.example"],
        ("smtpgw.network", "Postmaster"): ["postmaster@gateway.example"],
        ("smtpgw.network", "ProtectedDomains"): ["*.example", "example.*", "localhost"],
        ("smtpgw.options", "LogFilename"): ["/dev/stdout"],
        ("smtpgw.ave", "Cure"): ["true"],
        ("smtpgw.policy", "AdminNotifyAddress"): ["postmaster@gateway.example"],
        ("smtpgw.policy", "NotifyFromAddress"): ["postmaster@gateway.example"],
        ("gateway.api", "Listen"): [str(place.api)],
        ("gateway.metrics", "Listen"): [str(place.metrics)],
    }


_GROUPS = """
# Two groups to see how one message can be treated in several ways: `make demo` writes to both.
[smtpgw.group:strict]
Recipients=*@strict.example
BlockMessage=infected,suspicious,as/spam
ActionSpam=keywords

[smtpgw.group:lenient]
Recipients=*@lenient.example
BlockMessage=
ActionInfected=placeholder
ActionSpam=none
"""


async def _run(place: Place) -> int:
    try:
        async with mailbox(place.mailbox, place.messages), _gateway(place) as (process, ready):
            ended = asyncio.ensure_future(process.wait())
            started = asyncio.ensure_future(ready.wait())
            await asyncio.wait({ended, started}, return_when=asyncio.FIRST_COMPLETED)
            started.cancel()
            if not ended.done():
                print(_greeting(place), flush=True)
            return await ended
    except OSError as problem:
        print(
            f"the mailbox cannot listen on {place.mailbox} ({problem.strerror}): end what listens there",
            file=sys.stderr,
        )
        return ExitCode.SYSTEM_ERROR


@asynccontextmanager
async def _gateway(place: Place) -> AsyncIterator[tuple[asyncio.subprocess.Process, asyncio.Event]]:
    """The gateway's process, and the event that it is ready; Ctrl-C stops it."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.setblocking(False)
    notify.bind("")  # the system chooses an abstract address
    with notify:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "cli.smtpgw", "-c", str(place.config), "-d", "-o"),
            env=with_our_code(os.environ) | {"NOTIFY_SOCKET": "@" + notify.getsockname()[1:].decode()},
            stdin=asyncio.subprocess.DEVNULL,
            process_group=0,  # Ctrl-C is ours to pass on: the gateway gets it once
        )

        def stop() -> None:
            with suppress(ProcessLookupError):
                process.terminate()

        def told() -> None:
            if b"READY=1" in notify.recv(4096):
                ready.set()

        loop.add_reader(notify, told)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        try:
            yield process, ready
        finally:
            loop.remove_reader(notify)
            stop()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _PATIENCE)


def _greeting(place: Place) -> str:
    host, port = place.smtp
    return f"""
The gateway is up. Ctrl-C stops it; what is in {place.home} stays.

  SMTP      {place.smtp}
  mailbox   {place.messages}  (a file for each message that came through)
  API       http://{place.api}
  metrics   http://{place.metrics}/metrics
  settings  {place.config}

Send a first message from another terminal, and look into the mailbox:

  python3 -c "import smtplib; smtplib.SMTP('{host}', {port}).sendmail('me@home.example', \
'you@office.example', 'From: me@home.example\\nTo: you@office.example\\n\
Subject: hello\\n\\nThis is my first message.')"
"""


if __name__ == "__main__":
    develop()
