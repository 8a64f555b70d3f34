from __future__ import annotations

from dataclasses import replace

from gateway.runtime.orders import MOST, StandingOrders
from tests.support.mails import a_mail

MAIL = a_mail()


def test_mail_that_nobody_spoke_of_is_wanted() -> None:
    assert not StandingOrders().is_removed(MAIL)


def test_removed_mail_is_met_as_removed_until_its_way_has_ended() -> None:
    orders = StandingOrders()
    orders.remove((MAIL.id,))

    met = orders.is_removed(MAIL)
    orders.forget(MAIL)

    assert (met, orders.is_removed(MAIL)) == (True, False)


def test_what_the_records_say_replaces_what_was_known() -> None:
    orders = StandingOrders()
    orders.remove((MAIL.id,))

    orders.replace({"other"})

    assert not orders.is_removed(MAIL)
    assert orders.is_removed(replace(MAIL, id="other"))


def test_the_oldest_orders_give_way_to_new_ones() -> None:
    orders = StandingOrders()
    orders.remove(("first", "second"))

    orders.remove(f"mail{number}" for number in range(MOST - 1))

    assert not orders.is_removed(replace(MAIL, id="first"))
    assert orders.is_removed(replace(MAIL, id="second"))
