"""A mail server in a thread of its own that remembers when each numbered message arrived."""

from __future__ import annotations

import re
import socketserver
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress

_NUMBER = re.compile(rb"^X-Number: (\S+)\r\n", re.MULTILINE)


class Sink:
    """Takes every message on a free port of loopback. A message counts when it was answered with 250."""

    def __init__(self) -> None:
        self._arrivals: dict[str, list[float]] = defaultdict(list)
        self._lock = threading.Lock()
        sink = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(ConnectionError):  # a gateway that is killed hangs up in mid-sentence
                    sink._serve(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        port: int = self._server.server_address[1]
        return port

    def arrivals(self) -> Mapping[str, Sequence[float]]:
        """The times of arrival by number: more than one for a message that came again."""
        with self._lock:
            return {number: tuple(times) for number, times in self._arrivals.items()}

    def __enter__(self) -> Sink:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, session: socketserver.StreamRequestHandler) -> None:
        say = session.wfile.write
        say(b"220 sink.example ESMTP\r\n")
        while line := session.rfile.readline():
            match line[:4].upper():
                case b"EHLO":
                    say(b"250-sink.example\r\n250 8BITMIME\r\n")
                case b"DATA":
                    say(b"354 go on\r\n")
                    content = b""
                    while not content.endswith(b"\r\n.\r\n"):
                        piece = session.rfile.readline()
                        if not piece:
                            return
                        content += piece
                    if found := _NUMBER.search(content):
                        with self._lock:
                            self._arrivals[found[1].decode()].append(time.monotonic())
                    say(b"250 2.0.0 OK\r\n")
                case b"QUIT":
                    say(b"221 2.0.0 bye\r\n")
                    return
                case _:
                    say(b"250 2.0.0 OK\r\n")
