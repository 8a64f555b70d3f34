"""One start of the gateway by `smtpgw`, from then until it is stopped: what its statistics are about.

Processes that the watchdog starts again, or that read a new configuration, belong to the same launch. A
service that is started alone, as in a container, belongs to none: then all is counted together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime

VARIABLE = "MAILWARDEN_LAUNCH"
"""The environment variable in which processes find the launch that they belong to."""


@dataclass(frozen=True, slots=True)
class Launch:
    """When, and as whom the records know its processes."""

    at: datetime

    @property
    def name(self) -> str:
        """Microseconds since 1970, in hexadecimal digits: no two launches of a machine have the same."""
        return f"{int(self.at.timestamp() * 1e6):x}"

    def told_to(self, environment: Mapping[str, str]) -> Mapping[str, str]:
        """The environment of its processes."""
        return {**environment, VARIABLE: self.at.isoformat()}

    @classmethod
    def inherited(cls, environment: MutableMapping[str, str] = os.environ) -> Launch | None:
        """The launch of this process. The variable is taken away: it is not for others that we start."""
        text = environment.pop(VARIABLE, "")
        try:
            return cls(datetime.fromisoformat(text).astimezone(UTC)) if text else None
        except ValueError:
            return None
