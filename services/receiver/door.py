"""Who may come in: how many sessions there are, in all and from one address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from gateway.domain.access import Address
from services.receiver import replies
from services.receiver.replies import Reply
from services.receiver.rules import Limits


class Door:
    """Counts the sessions of this process. `suspended` says whether an operator wants no new mail now."""

    def __init__(self, limits: Limits, suspended: Callable[[], bool]) -> None:
        self._limits = limits
        self._suspended = suspended
        self._inside: Counter[Address] = Counter()
        self.closing = False
        """Whether the process is about to end: sessions in progress then end too."""

    @property
    def shut(self) -> bool:
        """Whether no new message is taken."""
        return self.closing or self._suspended()

    def enter(self, client: Address) -> Reply | None:
        """Let a client in, or say why not. Who was let in has to `leave`."""
        if self.shut:
            return replies.SHUT
        if self._inside.total() >= self._limits.sessions:
            return replies.TOO_MANY_SESSIONS
        if self._inside[client] >= self._limits.sessions_per_ip:
            return replies.TOO_MANY_FROM_YOU
        self._inside[client] += 1
        return None

    def leave(self, client: Address) -> None:
        """A session of that client has ended."""
        self._inside[client] -= 1
        if not self._inside[client]:
            del self._inside[client]
