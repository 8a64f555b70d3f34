"""The antispam stage: looks at a mail, decides, and marks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.domain.explanation import Explanation
from gateway.domain.journey import Analysed, Ended, Ending
from gateway.domain.mail import POLICY, Mail
from gateway.domain.message import with_edits
from gateway.domain.notice import Occasion, addressees
from gateway.domain.pipeline import Finished, Onward, Outcome, Stage
from gateway.domain.policy import Degree, Policy, fingerprint
from gateway.domain.statistics import Counter, messages_with, nobody_counts
from gateway.domain.storage import Storage, as_it_came, quarantine_of, status_in_storage
from gateway.runtime import maillog
from gateway.runtime.clock import utc_now
from gateway.runtime.notifying import Notifier
from gateway.storages.storages import Storages
from services.antispam.analysis import Analyst
from services.antispam.marking import Filter, Verdict, mark
from services.antispam.scoring import categories_of, status_of, turning_of, weigh


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was found and decided, before anything of it is done."""

    analysed: Analysed
    occasion: Occasion


class AntispamWorker:
    """Gives each mail its spam status and the marks that its group's policy asks for."""

    def __init__(
        self,
        analyst: Analyst,
        policies: Mapping[str, Policy],
        degree: Degree,
        storages: Storages,
        archive: Storage,
        notifier: Notifier,
        *,
        version: str,
        licensed: Callable[[], bool],
        count: Callable[[Counter], None] = nobody_counts,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`policies` by the name of the group; that of `POLICY` also serves groups that are gone.

        What is blocked is kept in `archive`.
        While spam is not `licensed` to be filtered, mail passes as if no policy asked for it.
        """
        self._analyst = analyst
        self._storages = storages
        self._archive = archive
        self._notifier = notifier
        self._policies = {group: (policy, fingerprint(policy)) for group, policy in policies.items()}
        self._degree = degree
        self._licensed = licensed
        self._version = version
        self._count = count
        self._now = now

    async def handle(self, mail: Mail) -> Outcome:
        """Mark the mail and send it on, or end its way where the policy blocks its status."""
        judged = await self._judge(mail)
        if judged is None:
            return Onward(mail)

        policy, marked, status = judged.occasion.policy, judged.occasion.mail, judged.analysed.status
        now = judged.analysed.at
        if status in policy.quarantine:
            place, code = quarantine_of(policy, status), status_in_storage(status)
            await self._storages.keep(place, as_it_came(mail), code, at=now)
        notices = await self._notifier.tell(judged.occasion, Stage.ANTISPAM, now)
        self._count(Counter.ANTISPAM_MESSAGES)
        self._count(messages_with(status))
        if not judged.occasion.blocked:
            return Onward(marked, (judged.analysed,), notices)
        # The scanner, which writes this line for all other mail, never sees this one.
        maillog.scanned(marked, (status,), ())
        await self._storages.keep(self._archive, marked, status_in_storage(status), at=now)
        maillog.blocked(self._count, marked)
        return Finished((judged.analysed, Ended(mail.id, now, Ending.BLOCKED, status)), notices)

    async def explain(self, mail: Mail) -> Explanation:
        """What `handle` would do with the mail; nothing of it is done."""
        judged = await self._judge(mail)
        if judged is None:
            return Explanation(mail=mail)
        occasion, status = judged.occasion, judged.analysed.status
        quarantined = status in occasion.policy.quarantine
        places = (quarantine_of(occasion.policy, status).path,) if quarantined else ()
        return Explanation(
            mail=occasion.mail,
            analysed=judged.analysed,
            kept_in=tuple(filter(None, (*places, self._archive.path if occasion.blocked else ""))),
            told=tuple(addressee.value for addressee in addressees(occasion)),
            blocked_for=status if occasion.blocked else "",
        )

    async def _judge(self, mail: Mail) -> _Judged | None:
        """What the filter says of the mail; None when it is not asked."""
        policy, policy_mark = self._policies.get(mail.group) or self._policies[POLICY]
        if not (policy.check_spam and self._licensed()):
            return None

        seen = await self._analyst.analyse(mail)
        findings = weigh(seen.findings, self._degree)
        status = status_of(findings, self._degree)
        of = seen.knowledge.database
        categories = of.categories.with_parents(categories_of(findings))
        verdict = Verdict(status, categories, findings)
        by = Filter(self._version, self._degree, of.edition, of.categories)
        marks = mark(seen.message, verdict, policy.action_spam, by)
        marked = replace(with_edits(mail, marks.edits), top=marks.top + mail.top, spam=status)
        blocked = status in policy.block
        occasion = Occasion(mail=marked, policy=policy, statuses=frozenset({status}), blocked=blocked)
        analysed = Analysed(
            mail.id,
            self._now(),
            status,
            findings,
            policy_mark,
            seen.knowledge.version,
            turning_of(findings, self._degree),
        )
        return _Judged(analysed, occasion)
