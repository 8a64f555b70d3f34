"""Clients that send without a pause, while somebody kills what they send to."""

from __future__ import annotations

import smtplib
import threading
import time
import uuid
from dataclasses import dataclass, field

CLIENTS = 4


@dataclass
class Load:
    """Clients that send one message after another, and remember what was answered with 250."""

    port: int
    begun: dict[str, float] = field(default_factory=dict)  # when the sending of each began
    accepted: dict[str, float] = field(default_factory=dict)  # when each was answered with 250
    _stop: threading.Event = field(default_factory=threading.Event)
    _clients: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._clients = [threading.Thread(target=self._send_until_stopped) for _ in range(CLIENTS)]
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for client in self._clients:
            client.join()

    def _send_until_stopped(self) -> None:
        while not self._stop.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as session:
                    while not self._stop.is_set():
                        number = uuid.uuid4().hex
                        self.begun[number] = time.monotonic()
                        session.sendmail("a@client.example", ["b@site.example"], _message(number))
                        self.accepted[number] = time.monotonic()
            except (OSError, smtplib.SMTPException):
                self._stop.wait(0.05)  # the gateway is being killed: try again


def _message(number: str) -> bytes:
    filler = ("0123456789" * 7 + "\r\n") * 40
    return f"Subject: {number}\r\nX-Number: {number}\r\n\r\n{filler}".encode()
