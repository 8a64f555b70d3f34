"""Notices without a database: who may be told, and in which words."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from gateway.blobs.port import Blobs
from gateway.domain.mail import POLICY
from gateway.domain.notice import Addressee, Teller
from gateway.domain.statistics import Counter
from gateway.domain.template import Template
from gateway.records.port import Records
from gateway.runtime.notifying import Notifier
from gateway.runtime.templates import NOTIFY, load_template

TELLER = Teller("gw.site.example", "Mailwarden", "0.1.0", ("site.example", "*.site.example"))


@dataclass
class Permits:
    """Permits so many notices to each address, however old they are."""

    most: int = 1000
    given: set[tuple[str, str]] = field(default_factory=set)
    counted: list[Counter] = field(default_factory=list)

    @property
    def notices(self) -> Permits:
        return self

    def count(self, counter: Counter, by: int = 1) -> None:
        self.counted += [counter] * by

    async def permit(self, address: str, notice_id: str, now: datetime, most: int) -> bool:
        known = (address, notice_id) in self.given
        if not known and sum(one == address for one, _ in self.given) >= min(most, self.most):
            return False
        self.given.add((address, notice_id))
        return True


def a_notifier(blobs: Blobs, permits: Permits | None = None, template: Template | None = None) -> Notifier:
    """Who tells, with the shipped template for everybody unless there is another."""
    used = template or load_template("", NOTIFY)
    templates = {POLICY: dict.fromkeys(Addressee, used)}
    return Notifier(blobs, cast(Records, permits or Permits()), TELLER, templates, most_an_hour=60)
