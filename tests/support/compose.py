"""Runs what docker-compose.yml states, without containers: each command with its environment.

Names of hosts, ports and places within containers are replaced by those of this machine, in commands,
environment and configuration alike; nothing else is changed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gateway.config.sections.gateway import METRICS_PORT
from tests.support.ports import free_ports

PROJECT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = PROJECT / "docker-compose.yml"

MONITORING = f"0.0.0.0:{METRICS_PORT}"
"""A place that each container has for itself, and one machine only once."""

STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Entry:
    """A service of the compose file that runs a program of ours."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


def entries(variables: Mapping[str, str]) -> list[Entry]:
    """All services that are built here, as `docker compose` would understand them."""
    services: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())["services"]
    return [
        Entry(
            name,
            [interpolate(word, variables) for word in service["command"]],
            {key: interpolate(value, variables) for key, value in service.get("environment", {}).items()},
        )
        for name, service in services.items()
        if "build" in service
    ]


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Replace `${NAME:-default}` as the compose specification says."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: variables.get(found[1], "") or found[2], text)


@contextmanager
def running(entry: Entry, here: Mapping[str, str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The entry's command, with what is `here` in place of what is in containers, until the block is left."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SMTPGW_")}
    python, *arguments = (translated(word, here) for word in entry.command)
    assert python == "python"
    environment = {name: translated(value, here) for name, value in entry.environment.items()}
    with output.open("ab") as written:
        process = subprocess.Popen(
            (sys.executable, *arguments),
            cwd=PROJECT,
            env=inherited | environment | {"PYTHONPATH": str(PROJECT)},
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        finally:
            process.kill()
            process.wait()


@contextmanager
def running_all(entries: Sequence[Entry], here: Mapping[str, str], output: Path) -> Iterator[None]:
    """All entries at once, as `docker compose up` does."""
    with ExitStack() as stack:
        for entry, port in zip(entries, free_ports(len(entries)), strict=True):
            stack.enter_context(running(entry, {**here, MONITORING: f"127.0.0.1:{port}"}, output))
        yield


def translated(text: str, here: Mapping[str, str]) -> str:
    """The text with what is here in place of what is there, longest first."""
    for there in sorted(here, key=len, reverse=True):
        text = text.replace(there, here[there])
    return text
