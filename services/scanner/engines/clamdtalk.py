"""One talk with clamd, over the `clamd` library: blocking, from its own thread, with an end.

The library's client is mended where mail needs it: connecting has a time-out, one end is set for the whole
talk, all of a content is sent however little the socket takes at once, in one piece, and a reply that comes
while the content is sent is heard.
"""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress

import clamd

from gateway.domain.endpoint import HostPort, LocalSocket

CONNECT_SECONDS = 5.0

LONGEST_REPLY = 4096
"""Bytes: the name of what was found, and a few words."""

_LENGTH = struct.Struct(">L")


class Unreachable(Exception):
    """clamd cannot be asked now; says why."""


class BrokenOff(Exception):
    """clamd was asked, and gave no answer about the content; says what happened."""


class TooLarge(Exception):
    """clamd does not take so much (`StreamMaxLength`)."""


class TooSlow(Exception):
    """clamd is there, and has no answer about the content yet."""


class Talk(clamd.ClamdNetworkSocket):  # type: ignore[misc]  # the library has no types
    """A connection for one question. Never for two, nor for two threads."""

    def __init__(self, address: HostPort | LocalSocket, seconds: float) -> None:
        """The talk is to end within so many seconds from now on."""
        self._address = address
        self._end = time.monotonic() + seconds
        self.clamd_socket: socket.socket | None = None

    def verdict_on(self, content: bytes) -> str:
        """The name of what was found in it; "" when nothing was.

        Raises `Unreachable`, `BrokenOff`, `TooLarge` or `TooSlow`.
        """
        try:
            found = self.instream(content)
        except TimeoutError as problem:
            raise TooSlow from problem
        except clamd.BufferTooLongError as problem:
            raise TooLarge from problem
        except (OSError, clamd.ResponseError) as problem:
            raise BrokenOff(str(problem).strip() or type(problem).__name__) from problem
        if found is None:
            raise BrokenOff("it hung up")
        ((status, name),) = found.values()
        if status == "ERROR":
            raise BrokenOff(name or "it said that there was an error")
        return name or ""

    def stated_version(self) -> str:
        """What clamd says of itself and its databases. Raises `Unreachable`."""
        try:
            return str(self.version())
        except (OSError, clamd.ClamdError) as problem:
            raise Unreachable(str(problem) or type(problem).__name__) from problem

    def instream(self, content: bytes) -> dict[str, tuple[str, str | None]] | None:
        """The library's method of that name, for bytes."""
        self._init_socket()
        assert self.clamd_socket  # noqa: S101 - it has just been opened
        try:
            self._send_command("INSTREAM")
            with suppress(BrokenPipeError, ConnectionResetError):  # the reply says why
                for piece in (_LENGTH.pack(len(content)), content, _LENGTH.pack(0)):
                    if piece:
                        self._set_time()
                        self.clamd_socket.sendall(piece)
            self._set_time()
            reply = self._recv_response()
            if not reply:
                return None
            if reply == "INSTREAM size limit exceeded. ERROR":
                raise clamd.BufferTooLongError(reply)
            name, reason, status = self._parse_response(reply)
            return {name: (status, reason)}
        finally:
            self._close_socket()

    def abandon(self) -> None:
        """End the talk from another thread."""
        if self.clamd_socket:
            with suppress(OSError):
                self.clamd_socket.shutdown(socket.SHUT_RDWR)

    def _init_socket(self) -> None:
        seconds = min(CONNECT_SECONDS, max(self._end - time.monotonic(), 0.001))
        try:
            self.clamd_socket = _connected(self._address, seconds)
        except OSError as problem:
            raise Unreachable(str(problem)) from problem
        self._set_time()

    def _recv_response(self) -> str:
        """A line; "" when clamd hung up. The library's own tells every trouble in one and the same way."""
        assert self.clamd_socket  # noqa: S101 - who hears an answer has asked
        with self.clamd_socket.makefile("rb") as incoming:
            return incoming.readline(LONGEST_REPLY).decode("utf-8", "replace").strip()

    def _set_time(self) -> None:
        assert self.clamd_socket  # noqa: S101 - who sets its time has opened it
        self.clamd_socket.settimeout(max(self._end - time.monotonic(), 0.001))


def _connected(address: HostPort | LocalSocket, seconds: float) -> socket.socket:
    if isinstance(address, HostPort):
        connection = socket.create_connection(address, seconds)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(seconds)
        connection.connect(address.path)
    except BaseException:
        connection.close()
        raise
    return connection
