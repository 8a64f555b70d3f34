"""What keeps the gateway from starting is told in one line, with the place and the remedy."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.gateway import PROJECT, Site, make_site
from tests.support.mounts import with_mount
from tests.support.ports import free_port

TOLD_WITHIN = 60.0
"""Seconds; a start that hangs is ended then."""

NOBODY = free_port()


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong, the place that has to be named, and a word of the remedy."""

    place: str  # {folder} stands for the site's
    remedy: str
    code: int = 30
    settings: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[Path], tuple[str, ...]] = lambda folder: ()
    prepare: Callable[[Path], object] = lambda folder: None


def _read_only(name: str) -> Callable[[Path], tuple[str, ...]]:
    return lambda folder: with_mount(folder / name, "ro")


def _a_file_instead(folder: Path) -> None:
    (folder / "queue").rmdir()
    (folder / "queue").write_text("not a directory")


TROUBLES: Mapping[str, Trouble] = {
    "a value that is none": Trouble(
        "SMTPGW_SMTPGW_LIMITS_INCOMINGSESSIONS", "use digits", 49, {"smtpgw.limits IncomingSessions": "many"}
    ),
    "a template that is not there": Trouble(
        "{folder}/none.tmpl", "check", 49, {"smtpgw.policy PlaceholderTemplate": "{folder}/none.tmpl"}
    ),
    "a broker that does not answer": Trouble(
        f"127.0.0.1:{NOBODY}", "start the broker", 30, {"gateway.bus Url": f"amqp://127.0.0.1:{NOBODY}/"}
    ),
    "a database that does not answer": Trouble(
        f"127.0.0.1:{NOBODY}",
        "check that the server runs",
        30,
        {"gateway.records Url": f"postgresql://mail:secret@127.0.0.1:{NOBODY}/mail"},
    ),
    "an object store that does not answer": Trouble(
        f"127.0.0.1:{NOBODY}",
        "check",
        30,
        {"gateway.blobs Url": "s3://mail", "gateway.blobs Endpoint": f"http://127.0.0.1:{NOBODY}"},
    ),
    "a queue that cannot be written": Trouble("{folder}/queue", "write", before=_read_only("queue")),
    "a queue that is no directory": Trouble("{folder}/queue", "name", prepare=_a_file_instead),
    "a place for bodies that cannot be written": Trouble(
        "{folder}/bodies",
        "for writing",
        settings={"gateway.blobs Url": "file://{folder}/bodies"},
        before=_read_only("bodies"),
        prepare=lambda folder: (folder / "bodies").mkdir(),
    ),
    "a log that cannot be written": Trouble(
        "{folder}/none/smtpgw.log",
        "write",
        settings={"smtpgw.options LogFilename": "{folder}/none/smtpgw.log"},
    ),
    "records that are no database": Trouble(
        "{folder}/queue/records.sqlite",
        "name a file",
        prepare=lambda folder: (folder / "queue" / "records.sqlite").write_text("no database" * 1000),
    ),
    "a queue that is damaged": Trouble(
        "{folder}/queue/bus.sqlite",
        "move it away",
        prepare=lambda folder: (folder / "queue" / "bus.sqlite").write_text("no database" * 1000),
    ),
    "an address that is not ours": Trouble(
        "192.0.2.1:2525", "choose", settings={"smtpgw.network ListenOn": "192.0.2.1:2525"}
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
def test_what_keeps_the_gateway_from_starting_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Trouble
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "gateway")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    settings = {name: value.format(folder=tmp_path) for name, value in trouble.settings.items()}
    site = make_site(tmp_path, next_hop_port=NOBODY, settings=settings)
    trouble.prepare(tmp_path)

    told = _start(site, *trouble.before(tmp_path))

    assert told.returncode == trouble.code
    [line] = told.stderr.splitlines()
    assert trouble.place.format(folder=tmp_path) in line
    assert trouble.remedy in line
    assert "secret" not in line
    assert "Traceback" not in site.log


@pytest.mark.parametrize("parameter", ["smtpgw.network ListenOn", "gateway.api Listen"])
def test_a_port_in_use_is_one_line_that_names_it(tmp_path: Path, parameter: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        site = make_site(tmp_path, next_hop_port=NOBODY, settings={parameter: place})
        told = _start(site)

    assert told.returncode == 30
    [line] = told.stderr.splitlines()
    assert place in line
    assert parameter.split()[1] in line
    assert re.search("stop|end", line)
    assert "Traceback" not in site.log


def test_all_that_is_wrong_with_a_configuration_is_told_at_once(tmp_path: Path) -> None:
    wrong = {
        "smtpgw.network Hostname": "no name",
        "smtpgw.ave Cure": "perhaps",
        "gateway.bus Url": "carrier:",
    }
    site = make_site(tmp_path, next_hop_port=NOBODY, settings=wrong)

    told = _start(site)

    assert told.returncode == 49
    lines = told.stderr.splitlines()
    assert len(lines) == len(wrong)
    for name in ("HOSTNAME", "CURE", "BUS_URL"):
        assert [line for line in lines if name in line]


@pytest.mark.parametrize("service", ["receiver", "antispam", "scanner", "sender", "api"])
def test_a_service_by_itself_tells_what_keeps_it_from_starting(tmp_path: Path, service: str) -> None:
    site = make_site(tmp_path, next_hop_port=NOBODY, bus_url=f"amqp://127.0.0.1:{NOBODY}/")

    told = _start(site, program=(f"services.{service}",))

    assert told.returncode == 30
    [line] = told.stderr.splitlines()
    assert f"127.0.0.1:{NOBODY}" in line


def _start(
    site: Site,
    *before: str,
    program: tuple[str, ...] = ("cli.smtpgw", "--no-daemon", "--no-pid-file", "--no-change-owner"),
) -> subprocess.CompletedProcess[str]:
    """Start a gateway that cannot start; what it said."""
    return subprocess.run(
        [*before, sys.executable, "-m", *program, "-c", str(site.config)],
        cwd=PROJECT,
        env=dict(site.environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TOLD_WITHIN,
        check=False,
    )
