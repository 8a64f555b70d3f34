"""An update server on loopback that can be all that one has to fear: slow, cut off, lying, endless.

It serves a folder. What it does otherwise is said in its attributes, which may change while it runs.
"""

from __future__ import annotations

import re
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

Matches = Callable[[str], bool]


def named(part: str) -> Matches:
    """Paths with that text in them."""
    return lambda path: part in path


@dataclass(eq=False)
class UpdateHost:
    """What it serves, how it misbehaves, and what it was asked."""

    folder: Path
    ranges: bool = True
    statuses: dict[str, int] = field(default_factory=dict)  # by a part of the path
    contents: dict[str, bytes] = field(default_factory=dict)  # instead of the file, by a part of the path
    redirects: dict[str, str] = field(default_factory=dict)  # where to, by a part of the path
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: dict[str, int] = field(default_factory=dict)  # bytes until it hangs up
    endless: Matches = lambda _: False  # goes on with zeros for ever
    dripping: Matches = lambda _: False  # a byte at a time, and then none until `released`
    silent: Matches = lambda _: False  # no answer until `released`
    login: str = ""  # `user:password` that it wants
    proxies: bool = False  # it takes whole URLs, as a proxy does, and serves its folder all the same
    asked: list[str] = field(default_factory=list)  # paths, with the range that was asked for
    hosts: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/"

    def fetched(self, part: str) -> list[str]:
        """The requests whose path has that text in it."""
        return [one for one in self.asked if part in one]


class _Handler(BaseHTTPRequestHandler):
    host: UpdateHost
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        host, url = self.host, urlsplit(self.path)
        path, span = url.path, self.headers.get("Range", "")
        host.asked.append(f"{path} {span}".strip())
        host.hosts.append(url.netloc)
        if host.login and not self._knows_login():
            self._answer(407 if host.proxies else 401)
        elif host.silent(path):
            host.released.wait(120)
        elif to := _first(host.redirects, path):
            self._answer(302, headers={"Location": to})
        elif status := _first(host.statuses, path):
            self._answer(status)
        else:
            self._serve(path, span)

    def _serve(self, path: str, span: str) -> None:
        host, file = self.host, self.host.folder / path.lstrip("/")
        content = _first(host.contents, path)
        if content is None:
            if not file.is_file():
                return self._answer(404)
            content = file.read_bytes()
        if host.endless(path):
            return self._without_end(content)
        if host.dripping(path):
            return self._drip(content)
        start = int(found[1]) if host.ranges and (found := re.fullmatch(r"bytes=(\d+)-", span)) else 0
        if start and start >= len(content):
            return self._answer(416)
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        cut = _first(host.cut_after, path)
        self._answer(206 if start else 200, content[start:], headers, cut)
        return None

    def _knows_login(self) -> bool:
        name = "Proxy-Authorization" if self.host.proxies else "Authorization"
        return self.headers.get(name) == f"Basic {b64encode(self.host.login.encode()).decode()}"

    def _answer(
        self,
        status: int,
        content: bytes = b"",
        headers: dict[str, str] | None = None,
        cut: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in {**self.host.headers, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if cut is None else content[:cut])
        self.close_connection = cut is not None

    def _without_end(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        while True:
            self.wfile.write(bytes(64 << 10))

    def _drip(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        for byte in content:
            self.wfile.write(bytes((byte,)))
            if self.host.released.wait(0.02):
                return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no fault."""


@contextmanager
def update_host(folder: Path, context: ssl.SSLContext | None = None) -> Iterator[UpdateHost]:
    """A server of a folder, on a free port of 127.0.0.1, in TLS if there is a context for it."""
    host = UpdateHost(folder)
    handler = type("Handler", (_Handler,), {"host": host})
    server = _Server(("127.0.0.1", 0), handler)
    host.port = server.server_address[1]
    if context:
        host.scheme = "https"
        server.socket = context.wrap_socket(server.socket, server_side=True)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    serving.start()
    try:
        yield host
    finally:
        host.released.set()
        server.shutdown()
        server.server_close()


def _first(said: Mapping[str, T], path: str) -> T | None:
    return next((value for part, value in said.items() if part in path), None)
