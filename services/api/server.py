"""Serves the application on one address until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.domain.endpoint import HostPort
from gateway.domain.errors import ConfigError

MOST_CONNECTIONS = 256
LARGEST_HEADER = 16_384
KEEP_ALIVE_SECONDS = 15
FIRST_REQUEST_SECONDS = 15.0
DRAIN_SECONDS = 10
SLOWEST_READER_SECONDS = 30.0
"""Who reads nothing for so long of what is being sent to it is hung up on."""


def bind(listen: HostPort) -> socket.socket:
    """A socket that listens there. `ConfigError` names the place when it cannot be had."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(listen)
        bound.listen(MOST_CONNECTIONS)
    except OSError as problem:
        bound.close()
        raise ConfigError(
            f"the API cannot listen on {listen} ({problem.strerror}): end what listens there,"
            " or choose another Listen in [gateway.api]"
        ) from problem
    bound.setblocking(False)
    return bound


async def serve_app(
    app: FastAPI,
    bound: socket.socket,
    stopping: asyncio.Event,
    *,
    tls: ssl.SSLContext | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Answer until `stopping` is set; what is being answered then may end within `DRAIN_SECONDS`.

    With `tls`, nothing is answered in the clear.
    """
    server = _Server(
        uvicorn.Config(
            app,
            http=_Http,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            h11_max_incomplete_event_size=LARGEST_HEADER,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            ssl_context_factory=(lambda config, default: tls) if tls else None,
        )
    )
    serving = asyncio.create_task(server.serve([bound]))
    stopped = asyncio.create_task(stopping.wait())
    try:
        ready()  # the socket listens already: who connects now is answered in a moment
        await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """Leaves signals to the process that it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Http(H11Protocol):
    """Closes a connection on which no whole request comes, or nothing is read: both could last for ever."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(FIRST_REQUEST_SECONDS, self._close_if_silent)

    def pause_writing(self) -> None:
        """The client does not read what it asked for: for a while it is waited for."""
        super().pause_writing()
        self._patience = self.loop.call_later(SLOWEST_READER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads on."""
        super().resume_writing()
        self._lose_patience()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._lose_patience()
        super().connection_lost(exc)

    def _lose_patience(self) -> None:
        if self._patience:
            self._patience.cancel()

    def _close_if_silent(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()
