"""The scanner stage: has a mail looked at, and does what the policy of its group says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from gateway.authentication.arc.sealing import Sealer
from gateway.blobs.port import Blobs
from gateway.domain.explanation import Explanation
from gateway.domain.journey import Ended, Ending, Scanned, ScannedObject
from gateway.domain.mail import POLICY, Mail
from gateway.domain.message import with_edits
from gateway.domain.mime import take_apart
from gateway.domain.notice import Occasion, addressees
from gateway.domain.pipeline import Finished, Onward, Outcome, Stage
from gateway.domain.policy import ObjectStatus, Policy, Status, fingerprint
from gateway.domain.statistics import Counter, nobody_counts, objects_with
from gateway.domain.storage import Storage, as_it_came, quarantine_of, status_in_storage
from gateway.domain.template import Template
from gateway.runtime import maillog
from gateway.runtime.clock import utc_now
from gateway.runtime.notifying import Notifier
from gateway.storages.storages import Storages
from services.scanner.coverage import unseen
from services.scanner.digests import without_stale_digests
from services.scanner.disclaimer import added
from services.scanner.examination import NOT_EXAMINED, Examination
from services.scanner.filtering import with_filtered
from services.scanner.looking import Body, Examiner
from services.scanner.placeholder import Gate, disclaimer, placeholder
from services.scanner.sealing import sealed
from services.scanner.statistics import Statistics
from services.scanner.treatment import Treatment, edits_for, treat


@dataclass(frozen=True, slots=True)
class GroupRules:
    """The policy of a group, with what it names read already."""

    policy: Policy
    placeholder: Template
    disclaimer: Template


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was found and decided, before anything of it is done."""

    rules: GroupRules
    body: Body
    examination: Examination
    treatment: Treatment
    scanned: Scanned
    occasion: Occasion


class ScannerWorker:
    """Applies policies to what an `Examiner` finds."""

    def __init__(
        self,
        blobs: Blobs,
        examiner: Examiner,
        groups: Mapping[str, GroupRules],
        gate: Gate,
        storages: Storages,
        archive: Storage,
        statistics: Statistics,
        notifier: Notifier,
        *,
        count: Callable[[Counter], None] = nobody_counts,
        sealer: Sealer | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`groups` by name; the rules of `POLICY` also serve groups that are gone.

        What is blocked is kept in `archive`. What leaves changed is sealed by `sealer`.
        """
        self._blobs = blobs
        self._storages = storages
        self._archive = archive
        self._statistics = statistics
        self._notifier = notifier
        self._sealer = sealer
        self._examiner = examiner
        self._groups = {name: (rules, fingerprint(rules.policy)) for name, rules in groups.items()}
        self._gate = gate
        self._count = count
        self._now = now

    async def handle(self, mail: Mail) -> Outcome:
        """Send the mail on, changed where its policy says so, or end its way."""
        judged = await self._judge(mail)
        rules, treatment, scanned = judged.rules, judged.treatment, judged.scanned
        objects, now = scanned.objects, scanned.at
        _log(mail, scanned.status, objects)
        self._statistics.tell(mail, objects, now)

        if kept_for := treatment.quarantined_for:
            place, code = quarantine_of(rules.policy, kept_for), status_in_storage(kept_for)
            await self._storages.keep(place, as_it_came(mail), code, at=now)
        blocking = treatment.blocked_for
        notices = await self._notifier.tell(judged.occasion, Stage.SCANNER, now)
        if rules.policy.check_av:
            self._count_all(objects)
        if blocking:
            await self._storages.keep(self._archive, mail, status_in_storage(blocking), at=now)
            maillog.blocked(self._count, mail)
            return Finished((scanned, Ended(mail.id, now, Ending.BLOCKED, blocking)), notices)

        return Onward(await self._treated(mail, judged), (scanned,), notices)

    async def explain(self, mail: Mail) -> Explanation:
        """What `handle` would do with the mail; nothing of it is done."""
        judged = await self._judge(mail)
        policy, treatment = judged.rules.policy, judged.treatment
        blocking = treatment.blocked_for
        places = (quarantine_of(policy, treatment.quarantined_for).path,) if treatment.quarantined_for else ()
        return Explanation(
            mail=mail if blocking else await self._treated(mail, judged),
            scanned=judged.scanned,
            kept_in=tuple(filter(None, (*places, self._archive.path if blocking else ""))),
            told=tuple(addressee.value for addressee in addressees(judged.occasion)),
            blocked_for=blocking or "",
        )

    async def _judge(self, mail: Mail) -> _Judged:
        """What is found in the mail, and what its policy makes of that."""
        rules, policy_mark = self._groups.get(mail.group) or self._groups[POLICY]
        body = Body(self._blobs, mail.body)
        examination = await self._examiner.examine(body) if rules.policy.check_av else NOT_EXAMINED
        examination = with_filtered(examination, rules.policy)

        treatment = treat(examination, rules.policy)
        objects, bases = treatment.objects, str(self._examiner.bases)
        occasion = Occasion(
            mail=mail,
            policy=rules.policy,
            statuses=treatment.statuses,
            blocked=bool(treatment.blocked_for),
            objects=objects,
        )
        scanned = Scanned(mail.id, self._now(), treatment.status, objects, policy_mark, bases)
        return _Judged(rules, body, examination, treatment, scanned, occasion)

    async def _treated(self, mail: Mail, judged: _Judged) -> Mail:
        """The mail as it leaves, where it is not blocked."""
        rules, body, examination, now = judged.rules, judged.body, judged.examination, judged.scanned.at
        treated = mail
        if judged.treatment.changes:
            message = await body.read()
            describe = partial(placeholder, rules.placeholder, mail=mail, gate=self._gate, now=now)
            edits = edits_for(message, examination, judged.scanned.objects, describe)
            treated = with_edits(mail, without_stale_digests(message, examination.parts, edits))
        if rules.policy.add_disclaimer:
            treated = self._with_disclaimer(treated, await body.read(), rules, now)
        if rules.policy.add_x_header:
            treated = replace(treated, top=self._x_header(judged.scanned.status, now) + treated.top)
        return await sealed(treated, self._sealer, self._blobs, now)

    def _count_all(self, objects: Sequence[ScannedObject]) -> None:
        self._count(Counter.ANTIVIRAL_MESSAGES)
        for found in objects:
            self._count(Counter.ANTIVIRAL_OBJECTS)
            self._count(objects_with(found.status))
        for counter in unseen(objects):
            self._count(counter)

    def _with_disclaimer(self, mail: Mail, message: bytes, rules: GroupRules, now: datetime) -> Mail:
        """`mail` with the disclaimer under its text, or with a field that says why it has none."""
        result = added(message, disclaimer(rules.disclaimer, mail, self._gate, now), mail.edits)
        if result.left_alone:
            return replace(mail, top=f"X-Disclaimer: not added, {result.left_alone}\r\n".encode() + mail.top)
        parts = take_apart(message, open_messages=False)
        return with_edits(mail, without_stale_digests(message, parts, result.edits))

    def _x_header(self, status: ObjectStatus, now: datetime) -> bytes:
        """The field that says what was checked, and with which databases (reference, section 4.5)."""
        bases, checked = f"bases: {self._examiner.bases}", f"check: {now:%Y%m%d} {status}"
        return f"X-Anti-Virus: {self._gate.product}, {bases}, {checked}\r\n".encode("ascii")


def _log(mail: Mail, status: ObjectStatus, objects: tuple[ScannedObject, ...]) -> None:
    statuses: tuple[Status, ...] = (mail.spam, status) if mail.spam else (status,)
    maillog.scanned(mail, statuses, dict.fromkeys(threat for found in objects for threat in found.threats))
