"""The checks: each looks at a message and the facts, and yields a finding for each thing that it saw.

A check is a plain function of what it is given. It knows neither the recipients nor their policy, so one
look serves all copies of a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gateway.domain.journey import Finding
from services.antispam.checks.addresses import addresses
from services.antispam.checks.authentication import authentication, fraud, lists
from services.antispam.checks.brands import brands
from services.antispam.checks.dates import dates
from services.antispam.checks.forgery import forgery
from services.antispam.checks.forwards import forwards
from services.antispam.checks.good import good
from services.antispam.checks.lessons import lessons
from services.antispam.checks.links import links
from services.antispam.checks.mailer import mailer
from services.antispam.checks.message_id import message_id
from services.antispam.checks.phrases import phrases
from services.antispam.checks.samples import samples
from services.antispam.checks.shapes import shapes
from services.antispam.checks.structure import structure
from services.antispam.checks.subject import subject
from services.antispam.checks.terms import terms
from services.antispam.checks.tone import tone
from services.antispam.checks.words import words
from services.antispam.view import View

Check = Callable[[View], Iterable[Finding]]

CHECKS: tuple[Check, ...] = (
    phrases,
    samples,
    terms,
    words,
    lessons,
    addresses,
    subject,
    dates,
    mailer,
    message_id,
    forgery,
    structure,
    links,
    brands,
    forwards,
    shapes,
    tone,
    authentication,
    fraud,
    lists,
    good,
)
