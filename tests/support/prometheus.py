"""A real Prometheus from Debian's package on the loopback, and `promtool`, which comes with it.

The programs are taken out of the package, which is not installed: its service would be of no use here.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.ports import free_port

START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What the expression comes to now: the labels and the value of each sample."""
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{urlencode({'query': expression})}") as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return result

    def number(self, expression: str) -> float | None:
        """The one number that the expression comes to, or None when there is none."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else None

    def graph(self, expression: str, seconds: int) -> list[float]:
        """The values of the one series of the expression over the last seconds, one for each."""
        now = time.time()
        asked = {"query": expression, "start": now - seconds, "end": now, "step": 1}
        with urllib.request.urlopen(f"{self.url}/api/v1/query_range?{urlencode(asked)}") as answer:
            result = json.load(answer)["data"]["result"]
        return [float(value) for _, value in result[0]["values"]] if result else []

    def alerts(self) -> list[str]:
        """The names of the alerts that it knows."""
        with urllib.request.urlopen(f"{self.url}/api/v1/rules") as answer:
            groups = json.load(answer)["data"]["groups"]
        return [rule["name"] for group in groups for rule in group["rules"]]


@contextmanager
def private_prometheus(folder: Path, *targets: str, rules: Path) -> Iterator[Prometheus]:
    """One that scrapes these every second, and has those rules."""
    program, port = provide("prometheus"), free_port()
    config = folder / "prometheus.yml"
    static = [{"targets": list(targets)}]
    # JSON is YAML.
    config.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": [str(rules)],
                "scrape_configs": [{"job_name": "mailwarden", "static_configs": static}],
            }
        )
    )
    with (folder / "prometheus.log").open("wb") as output:
        server = subprocess.Popen(
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, server, folder / "prometheus.log")
        yield Prometheus(url)
    finally:
        server.terminate()
        server.wait()


def promtool(*arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """What `promtool` says."""
    return subprocess.run(
        [provide("promtool"), *arguments], input=stdin, text=True, capture_output=True, timeout=120
    )


def provide(program: str) -> Path:
    """Where the program is: installed, or taken out of the package."""
    if installed := shutil.which(program):
        return Path(installed)
    place = Path(tempfile.gettempdir(), "mailwarden-prometheus")
    with Path(tempfile.gettempdir(), "mailwarden-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(["apt-get", "-q", "update"], env=environment, check=True)
            with tempfile.TemporaryDirectory(prefix="mailwarden-prometheus-") as folder:
                os.chmod(folder, 0o777)  # apt fetches as an account of its own
                subprocess.run(["apt-get", "-q", "download", "prometheus"], cwd=folder, check=True)
                (package,) = Path(folder).glob("*.deb")
                unpacked = Path(folder, "unpacked")
                subprocess.run(["dpkg", "-x", package, unpacked], check=True)
                shutil.move(unpacked, place)
    return place / "usr" / "bin" / program


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with suppress(OSError), urllib.request.urlopen(f"{url}/-/ready"):
            return
        if server.poll() is not None or time.monotonic() > deadline:
            raise TimeoutError(f"Prometheus did not start:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.05)
