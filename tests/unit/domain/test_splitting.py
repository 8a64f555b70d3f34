from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import cast

from gateway.domain.mail import POLICY, BodyRef, Envelope, Recipient
from gateway.domain.pipeline import Stage
from gateway.domain.policy import Group, Policy
from gateway.domain.splitting import Share, split_by_group, virtual_copies

NOBODYS = cast(Policy, None)  # splitting never looks at what a policy says
PROTECTED = ("own.example", "*.own.example")


def envelope(*recipients: str, sender: str = "a@client.example") -> Envelope:
    return Envelope(
        sender=sender,
        recipients=tuple(Recipient(address) for address in recipients),
        client_ip="192.0.2.1",
        received_at=datetime(2030, 5, 17, tzinfo=UTC),
    )


def group(name: str, senders: tuple[str, ...], recipients: tuple[str, ...]) -> Group:
    return Group(name, senders, recipients, NOBODYS)


def split(mail: Envelope, *groups: Group) -> dict[str, list[str]]:
    return {
        share.group: [to.address for to in share.recipients]
        for share in split_by_group(mail, groups, PROTECTED)
    }


def test_mail_that_no_group_claims_is_for_the_policy() -> None:
    assert split(envelope("b@own.example", "c@own.example")) == {POLICY: ["b@own.example", "c@own.example"]}


def test_each_group_has_its_recipients_in_their_order() -> None:
    sales = group("sales", ("*",), ("s*@own.example",))

    shares = split(envelope("b@own.example", "s1@own.example", "c@own.example", "s2@own.example"), sales)

    assert shares == {
        POLICY: ["b@own.example", "c@own.example"],
        "sales": ["s1@own.example", "s2@own.example"],
    }
    assert list(shares) == [POLICY, "sales"]


def test_the_first_group_in_the_file_that_names_both_sides_wins() -> None:
    other_sender = group("other", ("*@other.example",), ("*",))
    first, second = group("first", ("*",), ("b@*",)), group("second", ("*",), ("*",))

    shares = split(envelope("b@own.example", "c@own.example"), other_sender, first, second)

    assert shares == {"first": ["b@own.example"], "second": ["c@own.example"]}


def test_a_group_with_empty_senders_or_recipients_names_nobody() -> None:
    shares = split(envelope("b@own.example"), group("x", (), ("*",)), group("y", ("*",), ()))

    assert shares == {POLICY: ["b@own.example"]}


def test_a_group_for_everybody_has_the_null_sender_too() -> None:
    bounces = envelope("b@own.example", sender="")

    assert split(bounces, group("all", ("*@*",), ("*@*",))) == {"all": ["b@own.example"]}
    assert split(bounces, group("some", ("*@client.example",), ("*",))) == {POLICY: ["b@own.example"]}


def test_case_does_not_count() -> None:
    assert split(envelope("B@OWN.example"), group("x", ("A@Client.*",), ("b@own.EXAMPLE",))) == {
        "x": ["B@OWN.example"]
    }


def first_stages(mail: Envelope, *groups: Group) -> list[Stage]:
    return [share.stage for share in split_by_group(mail, groups, PROTECTED)]


def test_mail_to_or_from_a_protected_domain_is_checked() -> None:
    assert first_stages(envelope("b@own.example")) == [Stage.ANTISPAM]
    assert first_stages(envelope("b@sub.OWN.example")) == [Stage.ANTISPAM]
    assert first_stages(envelope("b@far.example", sender="a@own.example")) == [Stage.ANTISPAM]


def test_mail_between_strangers_is_not_ours_to_check() -> None:
    assert first_stages(envelope("b@far.example")) == [Stage.SENDER]
    assert first_stages(envelope("b@far.example", sender="")) == [Stage.SENDER]


def test_each_copy_is_checked_for_its_own_recipients() -> None:
    mail = envelope("b@own.example", "c@far.example", "d@far.example")

    assert first_stages(mail) == [Stage.ANTISPAM]
    assert first_stages(mail, group("far", ("*",), ("*@far.example",))) == [Stage.ANTISPAM, Stage.SENDER]


def test_the_first_copy_keeps_the_id_and_all_say_where_they_come_from() -> None:
    mail = envelope("b@own.example", "c@own.example")
    shares = (
        Share("x", mail.recipients[:1], Stage.ANTISPAM),
        Share(POLICY, mail.recipients[1:], Stage.SENDER),
    )
    numbers = itertools.count(1)

    copies = virtual_copies(
        "source", mail, BodyRef("d-source", 5), "<id>", shares, lambda: f"new{next(numbers)}"
    )

    assert [
        (stage, copy.id, copy.source_id, copy.group, copy.envelope.recipients) for stage, copy in copies
    ] == [
        (Stage.ANTISPAM, "source", "source", "x", mail.recipients[:1]),
        (Stage.SENDER, "new1", "source", POLICY, mail.recipients[1:]),
    ]
