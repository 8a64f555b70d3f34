from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.records.port import Orders
from gateway.runtime.orders import Standing, StandingOrders
from tests.support.mails import a_mail

MAIL = a_mail()


def test_mail_that_nobody_spoke_of_is_wanted() -> None:
    assert StandingOrders().standing(MAIL) is Standing.WANTED


def test_removed_mail_is_met_as_removed_until_its_way_has_ended() -> None:
    orders = StandingOrders()
    orders.remove((MAIL.id,))

    met = orders.standing(MAIL)
    orders.forget(MAIL)

    assert (met, orders.standing(MAIL)) == (Standing.REMOVED, Standing.WANTED)


@pytest.mark.parametrize(
    ("generation", "standing"), [(0, Standing.REPLACED), (1, Standing.REPLACED), (2, Standing.WANTED)]
)
def test_copies_below_the_wanted_generation_are_replaced(generation: int, standing: Standing) -> None:
    orders = StandingOrders()

    orders.hurry(MAIL.id, 2)
    orders.hurry(MAIL.id, 1)  # an order that comes late takes nothing back

    assert orders.standing(replace(MAIL, generation=generation)) is standing


def test_what_the_records_say_replaces_what_was_known() -> None:
    orders = StandingOrders()
    orders.remove((MAIL.id,))

    orders.replace(Orders(frozenset(), {"other": 1}))

    assert orders.standing(MAIL) is Standing.WANTED
