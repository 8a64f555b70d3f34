"""Where updates come from: a directory or a web server, with the files of an update server as they are.

    metadata/   what is signed: `trust.py` knows what to believe of it
    targets/    the files of databases, named by their digests

Nothing that comes from here is believed; what is promised is only that it comes to an end.
"""

from __future__ import annotations

import asyncio
import shutil
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import unquote, urlsplit

import httpx

from gateway.version import VERSION

MOST_REDIRECTS = 5

MOST_TRIES = 5
"""Of one file at one server that breaks off; each goes on where the one before ended."""

T = TypeVar("T")

Progress = Callable[[int], None]
"""Hears how many bytes of a file are here, each time some more are."""


class NotThere(Exception):
    """The source has no such file."""


class SourceFailed(Exception):
    """The source cannot be used; says why. Another one may be."""


class TooSlow(SourceFailed):
    """The source is there, and gives too little at a time."""


class Source(Protocol):
    """One place with the files of an update server."""

    @property
    def name(self) -> str:
        """What it is called in reports: never with a password."""

    def read(self, path: str, most: int) -> bytes:
        """A small file whole. Raises `NotThere` and `SourceFailed`, also for more than `most` bytes."""

    def fetch(self, path: str, part: Path, size: int, progress: Progress) -> None:
        """Have the file at `path`, of `size` bytes, in `part`, going on where that one ends.

        Raises `NotThere` and `SourceFailed`; what came until then stays in `part` for the next try.
        """

    def close(self) -> None:
        """Let go of it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for, in seconds. A slow one is worth less than the next one."""

    connect: float = 30.0  # for a connection
    silence: float = 60.0  # for the next byte
    window: float = 60.0  # in each of which at least `least` bytes have to come
    least: int = 64 << 10
    whole: float = 3600.0  # for one file: what has come by then is not lost


class DirectorySource:
    """A directory of this machine, or one that it has mounted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def name(self) -> str:
        """Its path."""
        return str(self._folder)

    def read(self, path: str, most: int) -> bytes:
        """A small file whole."""
        file = self._file(path)
        try:
            with file.open("rb") as opened:
                content = opened.read(most + 1)
        except OSError as problem:
            raise SourceFailed(f"{file}: {problem.strerror}") from problem
        if len(content) > most:
            raise SourceFailed(f"{file}: has more than {most} bytes")
        return content

    def fetch(self, path: str, part: Path, size: int, progress: Progress) -> None:
        """Have a file in `part`: copied from its beginning, since that costs next to nothing."""
        file = self._file(path)
        if file.stat().st_size != size:
            raise SourceFailed(f"{file}: has {file.stat().st_size} bytes instead of {size}")
        try:
            shutil.copyfile(file, part)
        except OSError as problem:
            if problem.filename == str(part):
                raise
            raise SourceFailed(f"{file}: {problem.strerror}") from problem
        progress(size)

    def close(self) -> None:
        """Nothing is held."""

    def _file(self, path: str) -> Path:
        file = self._folder / path
        if not self._folder.is_dir():
            raise SourceFailed(f"{self._folder}: there is no such directory")
        if not file.is_file():  # a pipe or a device would have no end
            raise NotThere(f"{file}: there is no such file")
        return file


class WebSource:
    """A web server of static files. Synchronous, for a thread that has no event loop of its own."""

    def __init__(
        self,
        url: str,
        *,
        patience: Patience,
        proxy: str = "",
        context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`url` and `proxy` may have a user and a password for Basic authentication."""
        self._url = httpx.URL(url if url.endswith("/") else f"{url}/")
        self._patience = patience
        self._clock = clock
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(
            verify=context or ssl.create_default_context(),
            proxy=_proxy(proxy) if proxy else None,
            trust_env=False,  # whether there is a proxy, the configuration says
            follow_redirects=True,
            max_redirects=MOST_REDIRECTS,
            timeout=httpx.Timeout(patience.silence, connect=patience.connect),
            event_hooks={"request": [self._refuse_less_security]},
            headers={"User-Agent": f"Mailwarden/{VERSION}", "Accept-Encoding": "identity"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """Its URL, without user and password."""
        return str(self._url.copy_with(userinfo=b""))

    def read(self, path: str, most: int) -> bytes:
        """A small file whole."""
        return self._run(self._read(path, most))

    def fetch(self, path: str, part: Path, size: int, progress: Progress) -> None:
        """Have a file in `part`; a connection that breaks is made again, as long as something comes."""
        for _ in range(MOST_TRIES):
            had = _size(part)
            try:
                self._run(self._fetch(path, part, size, progress))
            except TooSlow:
                raise
            except SourceFailed:
                if _size(part) <= had:
                    raise
            if _size(part) == size:
                return
        raise SourceFailed(f"{self.name}{path}: breaks off again and again")

    def close(self) -> None:
        """Close all connections."""
        self._runner.run(self._client.aclose())
        self._runner.close()

    def _run(self, talk: Coroutine[Any, Any, T]) -> T:
        try:
            return self._runner.run(talk)
        except (TimeoutError, httpx.TimeoutException) as problem:
            raise TooSlow(f"{self.name}: is silent or too slow") from problem
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as problem:
            raise SourceFailed(f"{self.name}: {str(problem) or type(problem).__name__}") from problem

    async def _read(self, path: str, most: int) -> bytes:
        content = bytearray()
        async with asyncio.timeout(self._patience.whole), self._answer(path) as response:
            async for chunk in self._chunks(response):
                content += chunk
                if len(content) > most:
                    raise SourceFailed(f"{self.name}{path}: has more than {most} bytes")
        return bytes(content)

    async def _fetch(self, path: str, part: Path, size: int, progress: Progress) -> None:
        have = _size(part)
        if have >= size:  # whole, and yet here: then it is not the file
            _remove(part)
            have = 0
        ranges = {"Range": f"bytes={have}-"} if have else {}
        async with asyncio.timeout(self._patience.whole), self._answer(path, ranges) as response:
            match response.status_code:
                case httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                    _remove(part)
                    return
                case httpx.codes.PARTIAL_CONTENT:
                    if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                        raise SourceFailed(f"{self.name}{path}: sends another range than it was asked for")
                case _:
                    have = 0
            with part.open("ab" if have else "wb") as file:
                progress(have)
                async for chunk in self._chunks(response):
                    have += len(chunk)
                    if have > size:
                        break
                    file.write(chunk)
                    progress(have)
        if have > size:
            _remove(part)
            raise SourceFailed(f"{self.name}{path}: has more than {size} bytes")

    @asynccontextmanager
    async def _answer(
        self, path: str, headers: dict[str, str] | None = None
    ) -> AsyncIterator[httpx.Response]:
        request = self._client.build_request("GET", self._url.join(path), headers=headers)
        # A head that comes byte by byte is never silent.
        async with asyncio.timeout(self._patience.connect + self._patience.silence):
            response = await self._client.send(request, stream=True)
        try:
            match response.status_code:
                case httpx.codes.NOT_FOUND | httpx.codes.FORBIDDEN | httpx.codes.GONE:
                    raise NotThere(f"{self.name}{path}: there is no such file ({response.status_code})")
                case (
                    httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE | httpx.codes.OK | httpx.codes.PARTIAL_CONTENT
                ):
                    pass
                case status:
                    raise SourceFailed(f"{self.name}{path}: answers with {status} {response.reason_phrase}")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise SourceFailed(f"{self.name}{path}: comes encoded, which was not asked for")
            yield response
        finally:
            await response.aclose()

    async def _chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        since, came = self._clock(), 0
        async for chunk in response.aiter_raw():
            yield chunk
            came += len(chunk)
            if self._clock() - since >= self._patience.window:
                if came < self._patience.least:
                    raise TooSlow(f"{self.name}: is too slow, {came} bytes in {self._patience.window:g} s")
                since, came = self._clock(), 0

    async def _refuse_less_security(self, request: httpx.Request) -> None:
        """A server that is asked over TLS cannot send us to one that is not."""
        if request.url.scheme not in ("http", "https") or (self._url.scheme, request.url.scheme) == (
            "https",
            "http",
        ):
            raise SourceFailed(f"{self.name}: sends us on to {request.url.scheme}://{request.url.host}")


def open_source(address: str, *, patience: Patience, proxy: str = "") -> Source:
    """The source at a path or URL. Raises `SourceFailed` when it is neither."""
    if address.startswith("/"):
        return DirectorySource(Path(address))
    match urlsplit(address).scheme:
        case "file":
            return DirectorySource(Path(unquote(urlsplit(address).path)))
        case "http" | "https":
            return WebSource(address, patience=patience, proxy=proxy)
        case _:
            raise SourceFailed(f"{address}: is no source; use a directory, file://, http:// or https://")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _proxy(address: str) -> httpx.Proxy:
    return httpx.Proxy(address if "://" in address else f"http://{address}")
