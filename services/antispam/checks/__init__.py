"""The checks: each looks at a message and the facts, and yields a finding for each thing that it saw.

A check is a plain function of what it is given. It knows neither the recipients nor their policy, so one
look serves all copies of a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gateway.domain.journey import Finding
from services.antispam.checks.lessons import lessons
from services.antispam.checks.phrases import phrases
from services.antispam.checks.samples import samples
from services.antispam.checks.terms import terms
from services.antispam.facts import Facts
from services.antispam.message import Message

Check = Callable[[Message, Facts], Iterable[Finding]]

CHECKS: tuple[Check, ...] = (phrases, samples, terms, lessons)
