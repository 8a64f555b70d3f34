from __future__ import annotations

import pytest

from gateway.domain.endpoint import HostPort
from services.sender.ourselves import LOCAL_SECONDS, Ourselves, is_local
from tests.support.clock import Clock


@pytest.mark.parametrize(
    ("ip", "local"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("0.0.0.0", True),
        ("198.51.100.77", False),
        ("2001:db8:77::1", False),
        ("unix:/run/lmtp", False),
    ],
)
def test_an_address_is_local_if_this_machine_has_it(ip: str, local: bool) -> None:
    assert is_local(ip) is local


def test_an_address_that_wandered_away_is_ours_no_more() -> None:
    ours = {"192.0.2.8"}
    clock = Clock()
    ourselves = Ourselves(
        "gw.example", listens=(HostPort("0.0.0.0", 25),), is_local=ours.__contains__, clock=clock
    )
    before = ourselves.listen_at("192.0.2.8", 25)
    ours.clear()
    clock.seconds = LOCAL_SECONDS

    assert before
    assert not ourselves.listen_at("192.0.2.8", 25)
