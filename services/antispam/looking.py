"""Looking at a message: all checks, within the limits of `[smtpgw.antispam]`."""

from __future__ import annotations

from collections.abc import Callable

from gateway.domain.journey import Finding
from services.antispam.checks import CHECKS
from services.antispam.database.database import Database
from services.antispam.facts import Facts
from services.antispam.message import Message


def look(message: Message, database: Database, *, expired: Callable[[], bool]) -> tuple[Finding, ...]:
    """What the checks found. Raises `TimeoutError` when `expired` says so before all of them have looked."""
    known = database.look(message.words, message.subjects)
    facts = Facts(terms=known.terms, words=known.words, resemblances=known.resemblances)
    findings: list[Finding] = []
    for check in CHECKS:
        if expired():
            raise TimeoutError
        findings += check(message, facts)
    return tuple(findings)
