"""Policies for tests: one that does nothing, of which a test changes only what it is about."""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.policy import Policy, SpamAction

_PASSING = Policy(
    check_av=True,
    check_spam=True,
    action_spam=SpamAction.NONE,
    object_actions={},
    block=frozenset(),
    quarantine=frozenset(),
    notify_admin=frozenset(),
    notify_recipient=frozenset(),
    notify_sender=frozenset(),
    add_x_header=False,
    add_disclaimer=False,
    admin_notify_address="admin@site.example",
    notify_from_address="gateway@site.example",
    av_quarantine_path="",
    as_quarantine_path="",
    notify_admin_template="",
    notify_recipient_template="",
    notify_sender_template="",
    placeholder_template="",
    disclaimer_template="",
)


def a_policy(**changes: object) -> Policy:
    return replace(_PASSING, **changes)  # type: ignore[arg-type]  # the caller names fields of Policy
