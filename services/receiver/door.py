"""Who may come in: how many sessions there are, in all and from one address."""

from __future__ import annotations

from collections.abc import Callable

from gateway.domain.access import Address
from services.receiver import replies
from services.receiver.register import Register
from services.receiver.replies import Reply
from services.receiver.rules import Limits


class Door:
    """Counts the sessions of the processes that share a register.

    `suspended` says whether an operator wants no new mail now.
    """

    def __init__(self, limits: Limits, suspended: Callable[[], bool], register: Register) -> None:
        self._limits = limits
        self._suspended = suspended
        self._register = register
        self.closing = False
        """Whether the process is about to end: sessions in progress then end too."""

    @property
    def shut(self) -> bool:
        """Whether no new message is taken."""
        return self.closing or self._suspended()

    @property
    def inside(self) -> int:
        """Sessions of this process."""
        return self._register.ours

    def enter(self, client: Address) -> Reply | None:
        """Let a client in, or say why not. Who was let in has to `leave`."""
        if self.shut:
            return replies.SHUT
        # Entered first and counted then: when two processes each let one in at the same moment, both see
        # both, and rather one too few is inside than one too many.
        self._register.enter(client)
        refusal = self._excess(client)
        if refusal is not None and self._register.strike_out_the_dead():
            refusal = self._excess(client)
        if refusal is not None:
            self._register.leave(client)
        return refusal

    def leave(self, client: Address) -> None:
        """A session of that client has ended."""
        self._register.leave(client)

    def _excess(self, client: Address) -> Reply | None:
        if self._register.total > self._limits.sessions:
            return replies.TOO_MANY_SESSIONS
        if self._register.sessions_of(client) > self._limits.sessions_per_ip:
            return replies.TOO_MANY_FROM_YOU
        return None
