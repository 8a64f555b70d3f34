from __future__ import annotations

from dataclasses import replace

from gateway.domain.access import client_address
from services.receiver import replies
from services.receiver.door import Door
from services.receiver.register import Register
from tests.support.receiving import RULES

LIMITS = replace(RULES.limits, sessions=3, sessions_per_ip=2)
ONE, OTHER = client_address("192.0.2.1"), client_address("2001:db8::1")


def never() -> bool:
    return False


def test_a_client_may_have_so_many_sessions_until_it_ends_one() -> None:
    door = Door(LIMITS, never, Register.alone())

    answers = [door.enter(ONE), door.enter(ONE), door.enter(ONE)]
    door.leave(ONE)

    assert answers == [None, None, replies.TOO_MANY_FROM_YOU]
    assert door.enter(ONE) is None


def test_all_clients_together_may_have_so_many_sessions() -> None:
    door = Door(LIMITS, never, Register.alone())

    answers = [door.enter(ONE), door.enter(ONE), door.enter(OTHER), door.enter(OTHER)]

    assert answers == [None, None, None, replies.TOO_MANY_SESSIONS]


def test_nobody_enters_while_the_receiver_is_suspended_or_ends() -> None:
    suspended = Door(LIMITS, lambda: True, Register.alone())
    closing = Door(LIMITS, never, Register.alone())
    closing.closing = True

    assert suspended.enter(ONE) is replies.SHUT
    assert closing.enter(ONE) is replies.SHUT
