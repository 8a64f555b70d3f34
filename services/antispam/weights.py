"""How much each finding counts, by degree: a table to be read and argued about.

Weights are positive where a finding speaks for spam, and negative where it speaks for honest mail.
`scoring.THRESHOLDS` say what sum makes a message probable spam, and spam.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.domain.policy import Degree


@dataclass(frozen=True, slots=True)
class Weight:
    """What a finding adds to the score, by degree."""

    soft: float
    standard: float
    hard: float

    def at(self, degree: Degree) -> float:
        """The weight by one degree."""
        match degree:
            case Degree.SOFT:
                return self.soft
            case Degree.STANDARD:
                return self.standard
            case Degree.HARD:
                return self.hard


def _certain(weight: float) -> Weight:
    """Honest mail never has it."""
    return Weight(weight, weight, weight)


def _strong(weight: float) -> Weight:
    """Honest mail hardly ever has it."""
    return Weight(0.8 * weight, weight, 1.3 * weight)


def _weak(weight: float) -> Weight:
    """Honest mail has it now and then."""
    return Weight(0.5 * weight, weight, 1.6 * weight)


def _good(weight: float) -> Weight:
    """It speaks for honest mail; the harder the degree, the less it is believed."""
    return Weight(1.2 * weight, weight, 0.8 * weight)


ALONE = frozenset({"spam_phrase", "probable_phrase"})
"""Findings beside which nothing counts: who tries a test phrase sees what the manual promises."""

NOTHING = Weight(0.0, 0.0, 0.0)
"""Of what is worth telling and decides nothing."""

WEIGHTS: Mapping[str, Weight] = MappingProxyType(
    {
        "attachment.double_name": _strong(3.0),
        "attachment.instead_of_text": _strong(1.5),
        "attachment.page": _strong(2.5),
        "attachment.password": _strong(2.5),
        "blocklist.client": _strong(2.5),
        "blocklist.link": _strong(4.0),
        "blocklist.several": _strong(4.0),
        "brand.author": _strong(3.5),
        "brand.author_word": _weak(0.6),
        "brand.domain": _strong(2.0),
        "brand.link": _strong(2.5),
        "brand.subject": _weak(0.8),
        "date.form": _weak(0.5),
        "date.future": _strong(1.5),
        "date.invalid": _strong(1.5),
        "date.missing": _weak(0.2),
        "date.no_zone": _weak(0.5),
        "date.past": _weak(0.8),
        "date.several": _weak(0.5),
        "date.zone": _strong(2.5),
        "disguise.entities": _weak(0.2),
        "disguise.invisible": _weak(0.5),
        "disguise.look_alikes": _strong(2.0),
        "disguise.other": _weak(0.5),
        "disguise.spaced_out": _weak(0.4),
        "disguise.split": _strong(1.0),
        "dkim.broken": _weak(0.7),
        "dmarc.fail": _strong(2.0),
        "dmarc.fail_unasked": _weak(1.2),
        "formal": NOTHING,
        "forward.alone": _weak(0.7),
        "forward.cheap_domain": _strong(1.5),
        "forward.decorated": _strong(1.8),
        "forward.feigned": _strong(2.5),
        "forward.random": _strong(1.5),
        "fraud.look_alike": _strong(3.5),
        "fraud.our_domain": _strong(3.5),
        "fraud.our_name": _strong(2.5),
        "from.cheap_domain": _weak(1.2),
        "from.digits": _weak(1.0),
        "from.disposable": _strong(1.5),
        "from.invalid": _strong(1.5),
        "from.missing": _strong(1.5),
        "from.name_is_address": _weak(0.6),
        "from.named_recipient": _strong(1.2),
        "from.offer_domain": _weak(0.8),
        "from.ornaments": _strong(1.8),
        "from.other_address": _strong(2.0),
        "from.pictures": _weak(1.0),
        "from.random": _weak(1.0),
        "from.random_domain": _strong(1.2),
        "from.recipient": _strong(1.8),
        "from.several": _weak(0.5),
        "good.agent": _good(-0.8),
        "good.answer": _good(-0.5),
        "good.code": _good(-1.5),
        "good.conversation": _good(-2.5),
        "good.discussion": _good(-1.5),
        "good.known": _good(-1.5),
        "good.named": _good(-0.7),
        "good.own_links": _good(-1.2),
        "good.own_links_signed": _good(-2.0),
        "good.post": _good(-0.5),
        "good.signature": _good(-0.5),
        "good.signed": _good(-0.5),
        "good.some_own_links": _good(-0.7),
        "good.unsubscribe": _good(-0.2),
        "good.work": _good(-2.0),
        "header.eastern": _strong(1.5),
        "header.eight_bits": _weak(1.0),
        "header.no_mime_version": _weak(0.8),
        "header.priority": _weak(0.9),
        "header.repeated": _weak(0.3),
        "helo.address": _strong(1.5),
        "helo.dialup": _strong(1.2),
        "helo.no_domain": _strong(1.2),
        "html.asks_password": _strong(3.0),
        "html.comments": _weak(0.5),
        "html.form": _weak(0.1),
        "html.frame": _weak(0.1),
        "html.hidden": _weak(1.2),
        "html.no_charset": _weak(0.6),
        "html.pictures_elsewhere": _weak(0.9),
        "html.refresh": _strong(2.0),
        "html.script": _weak(0.5),
        "link.address": _strong(2.0),
        "link.all_elsewhere": _weak(1.6),
        "link.chat": _weak(1.0),
        "link.cheap_domain": _strong(1.3),
        "link.code": _weak(1.0),
        "link.content": _strong(3.0),
        "link.copied": _strong(1.5),
        "link.credentials": _strong(2.5),
        "link.deep_host": _weak(0.7),
        "link.encoded_name": _weak(1.0),
        "link.false_text": _strong(2.5),
        "link.far_country": _weak(0.8),
        "link.files": _weak(0.5),
        "link.form_service": _weak(0.7),
        "link.found_elsewhere": _weak(0.8),
        "link.holds_address": _weak(0.1),
        "link.hosting": _strong(1.2),
        "link.hyphens": _weak(0.3),
        "link.inner": _weak(0.3),
        "link.ipfs": _strong(3.5),
        "link.one_target": _weak(1.0),
        "link.other_text": _weak(0.2),
        "link.port": _weak(0.8),
        "link.random_domain": _weak(1.0),
        "link.random_host": _strong(1.5),
        "link.redirector": _strong(1.5),
        "link.script": _weak(0.5),
        "link.short_alone": _strong(1.2),
        "link.shortener": _strong(1.5),
        "link.single": _weak(0.5),
        "list.cheap_domain": _strong(2.0),
        "mailer.empty": _strong(1.0),
        "mailer.forged": _strong(1.5),
        "mailer.odd_script": _strong(2.0),
        "mailer.script": _weak(0.7),
        "mailer.spamware": _strong(2.5),
        "max_size": NOTHING,
        "message_id.added": _strong(1.2),
        "message_id.elsewhere": _weak(0.8),
        "message_id.invalid": _strong(1.2),
        "message_id.machine": _strong(1.2),
        "message_id.missing": _weak(0.2),
        "message_id.no_domain": _weak(0.1),
        "message_id.other_service": _strong(1.3),
        "message_id.recipient": _strong(1.5),
        "probable_phrase": _certain(7.0),
        "received.dialup": _weak(0.8),
        "reply_to.elsewhere": _weak(0.4),
        "reply_to.freemail": _strong(2.0),
        "reply_to.other_freemail": _strong(2.0),
        "sender.proven": _good(-0.5),
        "shape.account": _weak(0.5),
        "shape.account_pressed": _weak(0.7),
        "shape.adult": _weak(0.8),
        "shape.advance_fee": _weak(1.8),
        "shape.bargain": _weak(0.4),
        "shape.callback": _weak(0.7),
        "shape.coin": _weak(2.0),
        "shape.crypto": _weak(0.8),
        "shape.crypto_offer": _weak(1.0),
        "shape.dating": _weak(0.6),
        "shape.document": _weak(0.4),
        "shape.enhancement": _weak(1.2),
        "shape.executive": _weak(0.5),
        "shape.extortion": _weak(3.5),
        "shape.forgery": _weak(0.7),
        "shape.gambling": _weak(0.8),
        "shape.health": _weak(0.6),
        "shape.investment": _weak(0.4),
        "shape.job": _weak(1.0),
        "shape.loan": _weak(0.7),
        "shape.medicine": _weak(0.8),
        "shape.parcel": _weak(0.4),
        "shape.pitch": _weak(0.3),
        "shape.plea": _weak(1.0),
        "shape.prize": _weak(0.7),
        "shape.protest": _weak(1.5),
        "shape.removal": _weak(0.6),
        "shape.removal_pressed": _weak(0.6),
        "spam_phrase": _certain(100.0),
        "spf.fail": _strong(1.5),
        "spf.softfail": _weak(1.0),
        "stranger.account": _strong(1.0),
        "stranger.account_pressed": _strong(1.3),
        "stranger.adult": _strong(1.2),
        "stranger.advance_fee": _strong(1.8),
        "stranger.bargain": _strong(1.2),
        "stranger.callback": _strong(1.8),
        "stranger.coin": _strong(0.5),
        "stranger.crypto": _strong(0.8),
        "stranger.crypto_offer": _strong(1.3),
        "stranger.dating": _strong(1.2),
        "stranger.document": _strong(1.0),
        "stranger.enhancement": _strong(1.0),
        "stranger.executive": _strong(1.0),
        "stranger.extortion": _strong(1.5),
        "stranger.forgery": _strong(1.2),
        "stranger.gambling": _strong(1.2),
        "stranger.health": _strong(1.0),
        "stranger.investment": _strong(0.8),
        "stranger.job": _strong(1.5),
        "stranger.loan": _strong(1.3),
        "stranger.medicine": _strong(1.3),
        "stranger.parcel": _strong(1.5),
        "stranger.pitch": _strong(1.0),
        "stranger.plea": _strong(1.0),
        "stranger.prize": _strong(1.5),
        "stranger.protest": _strong(1.5),
        "stranger.removal": _strong(0.8),
        "stranger.removal_pressed": _strong(0.5),
        "structure.boundary": _weak(0.7),
        "structure.empty": _weak(0.5),
        "structure.foreign_charset": _weak(0.7),
        "structure.html_as_text": _weak(1.0),
        "structure.html_only": _weak(0.3),
        "structure.link_only": _weak(0.6),
        "structure.needless_base64": _weak(0.6),
        "structure.one_alternative": _weak(0.5),
        "structure.picture_told": _weak(1.0),
        "structure.pictures_only": _strong(1.0),
        "subject.capitals": _weak(1.2),
        "subject.code": _strong(1.5),
        "subject.disguised": _strong(2.5),
        "subject.empty": _weak(0.7),
        "subject.exclaims": _weak(0.9),
        "subject.false_answer": _weak(0.7),
        "subject.gappy": _strong(1.5),
        "subject.missing": _weak(0.5),
        "subject.names_recipient": _strong(1.5),
        "subject.no_answer": _weak(0.8),
        "subject.pictures": _weak(0.5),
        "subject.price": _weak(0.6),
        "subject.several": _weak(0.5),
        "subject.tail": _strong(2.5),
        "subject.underscores": _weak(0.8),
        "text.exclaims": _weak(0.8),
        "text.freemail": _strong(1.2),
        "timeout": NOTHING,
        "to.empty": _weak(0.5),
        "to.invalid": _strong(1.0),
        "to.many": _weak(1.0),
        "to.missing": _weak(0.4),
        "to.strangers": _strong(1.5),
        "to.undisclosed": _strong(1.2),
    }
)
"""By the name of the finding. Findings that are not here bring their own score: terms, samples, the model."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What the findings of one family add together, at least and at most."""

    least: float
    most: float


LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        "date": Limit(-100.0, 3.0),
        "disguise": Limit(-100.0, 3.0),
        "from": Limit(-100.0, 4.5),
        "good": Limit(-6.0, 0.0),
        "header": Limit(-100.0, 2.5),
        "html": Limit(-100.0, 4.0),
        "link": Limit(-100.0, 6.0),
        "mailer": Limit(-100.0, 3.0),
        "message_id": Limit(-100.0, 2.0),
        "shape": Limit(-100.0, 5.0),
        "stranger": Limit(-100.0, 5.0),
        "structure": Limit(-100.0, 3.0),
        "subject": Limit(-100.0, 5.0),
        "to": Limit(-100.0, 2.5),
    }
)
"""By the family: the name of the finding in front of the dot."""
