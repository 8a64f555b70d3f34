"""What a stage would do with a mail, and why: asked by an operator, and nothing of it done."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.journey import Analysed, Scanned
from gateway.domain.mail import Mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What one stage says."""

    mail: Mail  # as it would go on
    analysed: Analysed | None = None  # None: not the spam filter's, or the policy does not ask for it
    scanned: Scanned | None = None
    kept_in: tuple[str, ...] = ()  # storages that would get a copy
    told: tuple[str, ...] = ()  # who would get a notice: admin, recipient, sender
    blocked_for: str = ""  # the status for which it would not be delivered
