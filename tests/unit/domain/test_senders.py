from __future__ import annotations

import pytest

from gateway.domain.access import SenderRule, client_address
from gateway.domain.senders import SenderRules

RULES = SenderRules(
    [
        SenderRule.parse(text)
        for text in (
            "allow from friend@spam.example to *",
            "deny from spam.example to *",
            "deny from *.spam.example to *",
            "deny from 192.0.2.0/24 to *",
            "deny from <> to robot@own.example",
            "allow from any to open@own.example",
            "deny from any to closed@own.example",
        )
    ]
)


@pytest.mark.parametrize(
    ("client", "sender", "recipient", "deciding"),
    [
        ("203.0.113.9", "friend@spam.example", "b@own.example", "allow from friend@spam.example to *"),
        ("203.0.113.9", "FRIEND@Spam.Example", "b@own.example", "allow from friend@spam.example to *"),
        ("203.0.113.9", "a@spam.example", "b@own.example", "deny from spam.example to *"),
        ("203.0.113.9", "a@mail.spam.example", "b@own.example", "deny from *.spam.example to *"),
        ("203.0.113.9", "a@nospam.example", "b@own.example", None),
        ("192.0.2.7", "a@good.example", "b@own.example", "deny from 192.0.2.0/24 to *"),
        ("192.0.2.7", "friend@spam.example", "b@own.example", "allow from friend@spam.example to *"),
        ("203.0.113.9", "", "robot@own.example", "deny from <> to robot@own.example"),
        ("203.0.113.9", "a@good.example", "robot@own.example", None),
        ("203.0.113.9", "", "open@own.example", "allow from any to open@own.example"),
        ("203.0.113.9", "a@good.example", "closed@own.example", "deny from any to closed@own.example"),
    ],
)
def test_the_first_line_about_sender_and_recipient_decides(
    client: str, sender: str, recipient: str, deciding: str | None
) -> None:
    found = RULES.deciding(client_address(client), sender, recipient)

    assert (str(found) if found else None) == deciding


def test_without_rules_nothing_decides() -> None:
    assert SenderRules(()).deciding(client_address("192.0.2.1"), "a@b.example", "c@d.example") is None
