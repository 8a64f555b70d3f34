"""One message, examined while it comes in: what is asked of DNS is asked as early as it is known.

SPF begins with the message, keys and records are looked up once the header is there, and the body is hashed
as it passes. In the end, what is missing is waited for no longer than is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from gateway.authentication.arc.chain import ArcSet, ChainError, read_chain
from gateway.authentication.arc.validation import check_header, with_body
from gateway.authentication.dkim.bodyhash import BodyHashes
from gateway.authentication.dkim.keys import Key, NoKey, Signer, find_key
from gateway.authentication.dkim.verification import Candidate, candidates
from gateway.authentication.dkim.verification import judge as judge_signature
from gateway.authentication.dmarc.evaluation import find_records
from gateway.authentication.dmarc.evaluation import judge as judge_author
from gateway.authentication.header import Beginning, Header
from gateway.authentication.spf.evaluation import Evaluation, Sender
from gateway.dns.port import Dns
from gateway.domain.authentication import LONGEST_REASON, Arc, Authentication, Dkim, Dmarc, Result, Spf

_LATE = "DNS did not answer in time"
_TOO_LONG = "the header is too long"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Methods:
    """What is evaluated. DMARC rests on SPF and DKIM."""

    spf: bool = True
    dkim: bool = True
    dmarc: bool = True
    arc: bool = True


class Examination:
    """Examines one message. To be closed whatever becomes of it."""

    def __init__(self, methods: Methods, dns: Dns, sender: Sender, *, hostname: str, now: float) -> None:
        self._methods = methods
        self._dns = dns
        self._now = now
        self._evaluation = Evaluation(dns, sender, receiver=hostname, now=now)
        self._spf = (
            _Inquiry(self._evaluation.check(), self._evaluation.unanswered(_LATE)) if methods.spf else None
        )
        self._beginning = Beginning()
        self._contents: _Contents | None = None

    def take(self, piece: bytes) -> None:
        """Add bytes of the message, in order."""
        if self._contents is not None:
            self._contents.bodies.update(piece)
            return
        if self._beginning.add(piece):
            self._begin_body()

    async def finish(self, within: float, sample: int) -> Authentication:
        """What is known `within` so many seconds, when all of the message was taken.

        `sample` is a number of 0 to 99, by which DMARC draws lots.
        """
        contents = self._contents or self._begin_body()
        unanswered = [inquiry.task for inquiry in self._inquiries() if not inquiry.task.done()]
        if unanswered:
            await asyncio.wait(unanswered, timeout=within)
        return contents.judged(self._spf.answer() if self._spf else None, sample)

    async def explanation(self, within: float) -> str:
        """What the domain says to a sender whose SPF failed; "" when it says nothing `within` that time."""
        try:
            async with asyncio.timeout(within):
                return await self._evaluation.explanation()
        except TimeoutError:
            return ""

    def close(self) -> None:
        """Ask nothing more."""
        for inquiry in self._inquiries():
            inquiry.abandon()

    def _begin_body(self) -> _Contents:
        block, rest = self._beginning.parted()
        self._contents = _Contents(Header(block), self._methods, self._dns, self._now)
        self._contents.bodies.update(rest)
        return self._contents

    def _inquiries(self) -> list[_Inquiry[Any]]:
        return [*([self._spf] if self._spf else []), *(self._contents.inquiries if self._contents else [])]


class _Inquiry(Generic[_T]):
    """Something that is being found out, and what counts as long as it is not."""

    def __init__(self, finding: Coroutine[Any, Any, _T], otherwise: _T) -> None:
        self.task = asyncio.ensure_future(finding)
        self._otherwise = otherwise

    def answer(self) -> _T:
        return self.task.result() if self.task.done() else self._otherwise

    def abandon(self) -> None:
        if self.task.done() and not self.task.cancelled():
            self.task.exception()  # somebody has asked, so asyncio does not complain
        self.task.cancel()


class _Contents:
    """What a message itself says of who sent it, and what is asked about that."""

    def __init__(self, header: Header, methods: Methods, dns: Dns, now: float) -> None:
        self.header = header
        self.inquiries: list[_Inquiry[Any]] = []
        self._methods = methods
        self._signatures = self._read_signatures(now) if methods.dkim else ()
        self._sets: tuple[ArcSet, ...] = ()
        self._arc = Arc(Result.NONE)
        if methods.arc:
            self._read_chain()
        coverages = {one.signature.coverage for one in self._signatures if isinstance(one, Candidate)}
        if self._sets:
            coverages.add(self._sets[-1].message.coverage)
        self.bodies = BodyHashes(coverages)

        self._keys: dict[Signer, _Inquiry[Key | NoKey]] = {}
        for one in self._signatures:
            if isinstance(one, Candidate) and (signer := one.signature.signer) not in self._keys:
                self._keys[signer] = self._ask(find_key(dns, signer), NoKey(Result.TEMPERROR, _LATE))
        self._chain = (
            self._ask(check_header(dns, header, self._sets, now), Arc(Result.TEMPERROR, reason=_LATE))
            if self._sets
            else None
        )
        self._records = (
            self._ask(find_records(dns, header), Dmarc(Result.TEMPERROR, reason=_LATE))
            if methods.dmarc and not header.too_long
            else None
        )

    def judged(self, spf: Spf | None, sample: int) -> Authentication:
        """What all of it means, when the body is at its end."""
        bodies = self.bodies.finish()
        dkim = tuple(
            judge_signature(one, self._keys[one.signature.signer].answer(), self.header, bodies)
            if isinstance(one, Candidate)
            else one
            for one in self._signatures
        )
        arc = with_body(self._chain.answer(), self._sets[-1], bodies) if self._chain else self._arc
        return Authentication(
            spf=spf,
            dkim=dkim if self._methods.dkim else None,
            dmarc=self._dmarc(spf, dkim, sample) if self._methods.dmarc else None,
            arc=arc if self._methods.arc else None,
        )

    def _dmarc(self, spf: Spf | None, dkim: tuple[Dkim, ...], sample: int) -> Dmarc:
        if self._records is None:
            return Dmarc(Result.PERMERROR, reason=_TOO_LONG)
        records = self._records.answer()
        return records if isinstance(records, Dmarc) else judge_author(records, spf, dkim, sample)

    def _read_signatures(self, now: float) -> tuple[Candidate | Dkim, ...]:
        return (
            (Dkim(Result.PERMERROR, reason=_TOO_LONG),)
            if self.header.too_long
            else candidates(self.header, now)
        )

    def _read_chain(self) -> None:
        if self.header.too_long:
            self._arc = Arc(Result.PERMERROR, reason=_TOO_LONG)
            return
        try:
            self._sets = read_chain(self.header)
        except ChainError as error:
            self._arc = Arc(Result.FAIL, reason=str(error)[:LONGEST_REASON])

    def _ask(self, finding: Coroutine[Any, Any, _T], otherwise: _T) -> _Inquiry[_T]:
        inquiry = _Inquiry(finding, otherwise)
        self.inquiries.append(inquiry)
        return inquiry
