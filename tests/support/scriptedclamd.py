"""A clamd that says what a test wants, for what a real one does only once in a year."""

from __future__ import annotations

import socketserver
import struct
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from gateway.domain.endpoint import LocalSocket

DATED = "ClamAV 1.4.3/27461/Mon Nov 18 09:30:00 2024"
NEWER = "ClamAV 1.4.3/27462/Tue Nov 19 09:30:00 2024"


class ScriptedClamd(AbstractContextManager["ScriptedClamd"]):
    """Knows VERSION and INSTREAM. `versions` and `replies` are said in turn, the last one from then on."""

    def __init__(
        self, folder: Path, *, versions: list[str] | None = None, replies: list[str] | None = None
    ) -> None:
        self.versions = versions or [DATED]
        self.replies = replies or ["stream: OK"]
        self.asked: list[str] = []  # the commands that came
        self.silent = threading.Event()  # when set, contents get no reply as long as anybody waits for one
        self.address = LocalSocket(str(folder / "clamd"))
        self._server = socketserver.ThreadingUnixStreamServer(self.address.path, self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> ScriptedClamd:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        script = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                command = self.rfile.readline().decode().strip()
                script.asked.append(command)
                if command == "nVERSION":
                    self._say(script.versions)
                elif command == "nINSTREAM":
                    while size := struct.unpack(">L", self.rfile.read(4))[0]:
                        self.rfile.read(size)
                    if script.silent.is_set():
                        self.rfile.read()
                    else:
                        self._say(script.replies)

            def _say(self, lines: list[str]) -> None:
                line = lines.pop(0) if len(lines) > 1 else lines[0]
                self.wfile.write(line.encode() + b"\n" if line else b"")

        return Handler
