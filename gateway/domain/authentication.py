"""What was found out about who sent a message: SPF, DKIM, DMARC and ARC, as facts without a verdict.

The receiver evaluates them once, while DNS answers; later stages need no network to know them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LONGEST_REASON = 200
"""Characters of a reason: it may quote what a stranger published."""


class Result(StrEnum):
    """What a method says. Each method knows some of them (RFC 8601 §2.7)."""

    NONE = "none"  # nothing was there to be evaluated
    PASS = "pass"  # noqa: S105 - the standard's word, not a secret
    FAIL = "fail"
    SOFTFAIL = "softfail"  # SPF alone: probably not, but the domain does not commit itself
    NEUTRAL = "neutral"
    POLICY = "policy"  # what is valid, but not accepted here
    TEMPERROR = "temperror"  # nobody knows now
    PERMERROR = "permerror"  # what was published or signed cannot be evaluated by anybody


class Identity(StrEnum):
    """Whose domain SPF judged (RFC 7208 §2.3, §2.4)."""

    MAILFROM = "mailfrom"
    HELO = "helo"  # of mail with the null sender


class Request(StrEnum):
    """What a domain asks for mail that fails DMARC, from mild to strict (RFC 7489 §6.3)."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Spf:
    """Whether the client may send for the domain (RFC 7208)."""

    result: Result
    domain: str = ""
    identity: Identity = Identity.MAILFROM
    reason: str = ""  # what decided: a term of the domain's record, or what is wrong


@dataclass(frozen=True, slots=True)
class Dkim:
    """One signature (RFC 6376)."""

    result: Result
    domain: str = ""  # d=, who answers for the message
    selector: str = ""  # s=
    algorithm: str = ""  # a=
    start: str = ""  # the first characters of b=, which tell signatures apart (RFC 6008)
    testing: bool = False  # the domain only tries DKIM: a failure means nothing (RFC 6376 §3.6.1)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Dmarc:
    """Whether SPF or DKIM speak for the domain that the author's address shows (RFC 7489)."""

    result: Result
    domain: str = ""  # the author's; of several, the one that fared worst
    request: Request = Request.NONE  # of the domain, for this mail if it fails
    spf_aligned: bool = False  # SPF passed for a domain that belongs to the author's
    dkim_aligned: bool = False  # a signature passed, likewise
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Arc:
    """Whether the chain of those who passed the message on is unbroken (RFC 8617)."""

    result: Result
    sealers: tuple[str, ...] = ()  # their domains, the first who sealed first
    attested: Result = Result.NONE  # what the first of them says of DMARC
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """All of it. A method that is None was not evaluated."""

    spf: Spf | None = None
    dkim: tuple[Dkim, ...] | None = None  # (): not signed
    dmarc: Dmarc | None = None
    arc: Arc | None = None
    forged: tuple[tuple[int, int], ...] = ()
    """Bytes from and to, in the body, of fields that claimed to be our own results."""
