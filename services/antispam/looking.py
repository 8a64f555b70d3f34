"""Looking at a message: all checks, within the limits of `[smtpgw.antispam]`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.domain.journey import Finding
from services.antispam.checks import CHECKS, Check
from services.antispam.facts import Facts
from services.antispam.knowledge import Knowledge
from services.antispam.message import Message
from services.antispam.statistics.features import features_of
from services.antispam.view import View


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A check whose findings are missing, and why."""

    check: str
    reason: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What the checks found, and which of them could not look."""

    findings: tuple[Finding, ...]
    left_out: tuple[LeftOut, ...] = ()


_NO_FACTS = Facts()


def look(
    message: Message,
    knowledge: Knowledge,
    facts: Facts = _NO_FACTS,
    *,
    expired: Callable[[], bool],
    checks: Iterable[Check] = CHECKS,
) -> Looked:
    """What the checks found. One that fails is left out, whatever it raises: the others still count.

    Raises `TimeoutError` when `expired` says so before all of them have looked.
    """
    findings: list[Finding] = []
    left_out: list[LeftOut] = []
    try:
        facts = knowledge.added_to(facts, message)
    except Exception as error:
        left_out.append(_failed("knowledge", error))
    view = View(message, facts, knowledge.database)
    for check in checks:
        if expired():
            raise TimeoutError
        try:
            findings += tuple(check(view))
        except Exception as error:
            left_out.append(_failed(check.__name__, error))
    try:
        learnt = knowledge.database.model.judge(features_of(view, findings))
        findings += (learnt,) if learnt else ()
    except Exception as error:
        left_out.append(_failed("model", error))
    return Looked(tuple(findings), tuple(left_out))


def _failed(check: str, error: Exception) -> LeftOut:
    return LeftOut(check, f"{type(error).__name__}: {error}"[:200])
