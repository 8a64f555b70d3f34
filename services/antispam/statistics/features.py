"""What the model knows of a message: names of what is so, none of which tells where or when it was sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.domain.journey import Finding
from services.antispam.view import View
from services.antispam.weights import WEIGHTS

_LEVELS = (2, 4)
"""So many phrases of one motif are more than one."""

_OF_THEIR_TIME = frozenset(
    {"date", "disguise", "header", "html", "message_id", "received", "shape", "structure"}
)
"""Families that tell old mail from new, or a list from a shop, better than bad from good."""

_OF_ANYBODY = frozenset(
    {
        "brand.subject",
        "from.random",
        "good.named",
        "good.post",
        "link.cheap_domain",
        "link.found_elsewhere",
        "link.holds_address",
        "link.random_domain",
        "link.single",
        "reply_to.elsewhere",
        "subject.exclaims",
        "subject.price",
    }
)
"""Findings that newsletters of the past have as often as spam had, or that anybody can bring about."""


def features_of(view: View, findings: Iterable[Finding]) -> tuple[str, ...]:
    """The names of all features that a message has, each once: findings, and what a stranger tells in it.

    What is told by a sender whom something in the message belongs to is no feature: newsletters of shops
    would pay for what is told in spam.
    """
    found = dict.fromkeys(finding.check for finding in findings if _is_learnt(finding.check))
    return (*found, *(() if view.related else _told(view)))


def sign_of(feature: str) -> int:
    """1 for a feature that can speak for spam alone, -1 for one that can speak for good mail alone."""
    weight = WEIGHTS.get(feature)
    return 1 if weight is None or weight.standard > 0 else -1


def _is_learnt(check: str) -> bool:
    weight = WEIGHTS.get(check)
    if weight is None or not weight.standard:
        return False
    return check.partition(".")[0] not in _OF_THEIR_TIME and check not in _OF_ANYBODY


def _told(view: View) -> Iterator[str]:
    for motif, phrases in view.motifs.items():
        yield f"told.{motif}"
        yield from (f"told.{motif}.{level}" for level in _LEVELS if len(phrases) >= level)
