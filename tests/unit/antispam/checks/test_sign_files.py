"""Every sign, by messages in files: `SIGN.eml` has it, `SIGN.near.eml` nearly has.

What the envelope tells stands in fields of the message: X-Test-Helo, X-Test-Sender, X-Test-Our-Domain.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from services.antispam.facts import Facts
from services.antispam.knowledge import Knowledge
from services.antispam.looking import look
from services.antispam.reading.reading import read_whole
from services.antispam.view import View
from services.antispam.weights import WEIGHTS
from tests.support.content import SHIPPED_DATABASE

FILES = Path(__file__).parents[3] / "corpus" / "antispam" / "signs"
SIGNS = sorted(path.stem for path in FILES.glob("*.eml") if not path.stem.endswith(".near"))

FROM_OUTSIDE: Mapping[str, str] = MappingProxyType(
    {
        "blocklist.client": "a list in the DNS knows the client",
        "blocklist.link": "a list in the DNS knows the domain",
        "blocklist.several": "lists in the DNS know the client",
        "dkim.broken": "the key stands in the DNS",
        "dmarc.fail": "the policy stands in the DNS",
        "dmarc.fail_unasked": "the policy stands in the DNS",
        "fraud.our_domain": "DMARC failed",
        "good.known": "DMARC passed",
        "max_size": "nobody looks at what is too large",
        "sender.proven": "DMARC passed",
        "spf.fail": "the policy stands in the DNS",
        "spf.softfail": "the policy stands in the DNS",
        "timeout": "nobody looks at what takes too long",
    }
)
"""Signs that no message shows by itself: tests/unit/antispam tests them by values."""


def signs_of(path: Path) -> set[str]:
    """The names of all that is found in the message of a file."""
    message = read_whole(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    told = View(message, Facts(), SHIPPED_DATABASE)
    facts = Facts(
        helo=told.value("x-test-helo"),
        sender=told.value("x-test-sender"),
        our_domains=told.values("x-test-our-domain"),
    )
    looked = look(message, Knowledge(SHIPPED_DATABASE), facts, expired=lambda: False)
    assert looked.left_out == ()
    return {finding.check for finding in looked.findings}


@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_is_found_in_the_message_that_has_it(sign: str) -> None:
    assert sign in signs_of(FILES / f"{sign}.eml")


@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_is_not_found_in_the_message_that_nearly_has_it(sign: str) -> None:
    assert sign not in signs_of(FILES / f"{sign}.near.eml")


def test_every_sign_has_its_files_or_a_reason() -> None:
    near = {path.stem.removesuffix(".near") for path in FILES.glob("*.near.eml")}

    assert set(SIGNS) == near
    assert set(SIGNS) | FROM_OUTSIDE.keys() == set(WEIGHTS)
    assert not FROM_OUTSIDE.keys() & set(SIGNS)
