"""Signs in who is proven to have sent the message, and in the lists that know its client."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.authentication.dmarc.record import organisation_of
from gateway.domain.address import matches_any
from gateway.domain.authentication import Request, Result
from gateway.domain.journey import Finding
from services.antispam.view import View


def authentication(view: View) -> Iterator[Finding]:
    """Findings about SPF, DKIM, DMARC and ARC. What nobody asked tells nothing."""
    proof = view.facts.authentication
    if proof is None:
        return
    passed_on = proof.arc is not None and proof.arc.result is Result.PASS
    if proof.spf and proof.spf.result is Result.FAIL and not passed_on:
        yield Finding("spf.fail", f"{proof.spf.domain} does not let this client send for it")
    elif proof.spf and proof.spf.result is Result.SOFTFAIL and not passed_on:
        yield Finding("spf.softfail", f"{proof.spf.domain} does not expect this client to send for it")
    dmarc = proof.dmarc
    if (
        dmarc
        and dmarc.result is Result.FAIL
        and not (passed_on and proof.arc and proof.arc.attested is Result.PASS)
    ):
        strict = dmarc.request is not Request.NONE
        yield Finding(
            "dmarc.fail" if strict else "dmarc.fail_unasked",
            f"nothing proves that {dmarc.domain} sent it"
            + (f", which asks to {dmarc.request} such mail" if strict else ""),
        )
    signed = proof.dkim or ()
    passed = any(each.result is Result.PASS for each in signed)
    broken = any(each.result in (Result.FAIL, Result.PERMERROR) and not each.testing for each in signed)
    if broken and not passed and not view.discussion:
        yield Finding("dkim.broken", "no signature of it holds")
    if dmarc and dmarc.result is Result.PASS and not view.author.free and not view.forwards:
        yield Finding("sender.proven", f"it is proven to come from {organisation_of(view.author.domain)}")


def fraud(view: View) -> Iterator[Finding]:
    """A finding when one of our own domains is shown as the sender and is not."""
    ours = view.facts.our_domains
    author = view.author
    if not ours or not author.domain:
        return
    if matches_any(ours, author.domain):
        proof = view.facts.authentication
        if proof and proof.dmarc and proof.dmarc.result is Result.FAIL:
            yield Finding(
                "fraud.our_domain", f"{author.domain} is ours, and nothing proves that it sent this"
            )
        return
    shown = author.name.casefold()
    domains = {to.rpartition("@")[2] for to in view.recipients}
    for domain in sorted(domain for domain in domains if matches_any(ours, domain)):
        label = organisation_of(domain).partition(".")[0]
        if domain in shown or (len(label) > 4 and label in shown.split()):
            yield Finding("fraud.our_name", f"a stranger, {author.domain}, writes as {author.name[:60]!r}")
            return
        if author.organisation != organisation_of(domain) and _one_off(
            author.organisation, organisation_of(domain)
        ):
            yield Finding(
                "fraud.look_alike", f"the author's domain {author.organisation} looks like ours, {domain}"
            )
            return


def lists(view: View) -> Iterator[Finding]:
    """Findings for block lists that know the client or a domain that is linked."""
    if view.facts.listed_by:
        names = ", ".join(view.facts.listed_by)
        several = len(view.facts.listed_by) > 1
        yield Finding(
            "blocklist.several" if several else "blocklist.client", f"{view.facts.client_ip} is on {names}"
        )
    if view.facts.listed_links:
        domain, name = view.facts.listed_links[0]
        yield Finding("blocklist.link", f"{domain}, which is linked, is on {name}")


def _one_off(one: str, other: str) -> bool:
    """Whether two names differ by one letter: changed, added, left out, or swapped with its neighbour."""
    if abs(len(one) - len(other)) > 1 or len(other) < 6:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    a, b = one[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
