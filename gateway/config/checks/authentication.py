"""Who sent a message: what rests on what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gateway.authentication.dkim.keys import load_own_key
from gateway.config.draft import Draft
from gateway.config.findings import Finding
from gateway.config.names import parameter_name
from gateway.config.sections.authentication import AuthenticationSection
from gateway.config.syntax import unreadable
from gateway.domain.errors import ConfigError

_SEAL = ("seal_domain", "seal_selector", "seal_key")
_RESTS_ON = {"refuse_spf_fail": "check_spf", "refuse_dmarc_fail": "check_dmarc"}


def dmarc_lacks_what_it_rests_on(draft: Draft) -> Iterator[Finding]:
    """DMARC asks what SPF and DKIM found: without one of them, good mail would fail."""
    authentication = draft.value(AuthenticationSection)
    if authentication is None or not authentication.check_dmarc:
        return
    for attribute in ("check_spf", "check_dkim"):
        if not getattr(authentication, attribute):
            yield Finding(
                draft.place(AuthenticationSection, attribute),
                f"CheckDMARC needs {parameter_name(attribute)}: switch it on, or CheckDMARC off",
            )


def refusal_is_never_due(draft: Draft) -> Iterator[Finding]:
    """Nothing is refused for what is not evaluated."""
    authentication = draft.value(AuthenticationSection)
    if authentication is None:
        return
    for built in draft.policies:
        for attribute, method in _RESTS_ON.items():
            wanted = attribute in built.lines and built.section and getattr(built.section, attribute)
            if wanted and not getattr(authentication, method):
                yield Finding(
                    built.place_of(attribute),
                    f"{parameter_name(attribute)} needs {parameter_name(method)} of "
                    f"[{AuthenticationSection.heading}]: switch it on",
                )


def seal_is_not_whole(draft: Draft) -> Iterator[Finding]:
    """A seal needs a domain, a selector and a key that is there, and a chain that was looked at."""
    authentication = draft.value(AuthenticationSection)
    if authentication is None:
        return
    given = [attribute for attribute in _SEAL if getattr(authentication, attribute)]
    for attribute in _SEAL if given else ():
        if attribute not in given:
            yield Finding(
                draft.place(AuthenticationSection, given[0]),
                f"{parameter_name(given[0])} needs {parameter_name(attribute)} to seal: add it",
            )
    if authentication.seal_key:
        yield from _unusable(draft, authentication.seal_key)
    if given and not authentication.check_arc:
        yield Finding(draft.place(AuthenticationSection, given[0]), "a seal needs CheckARC: switch it on")


def _unusable(draft: Draft, key: Path) -> Iterator[Finding]:
    place = draft.place(AuthenticationSection, "seal_key")
    if not draft.is_file(key):
        yield Finding(place, f"SealKey: there is no file {key}: put it there, or correct the path")
        return
    try:
        load_own_key(draft.read(key).encode())
    except (OSError, UnicodeDecodeError) as failure:
        yield Finding(place, f"SealKey: {unreadable(key, failure)}")
    except ConfigError as wrong:
        yield Finding(place, f"SealKey: {key} cannot be used: {wrong}")
