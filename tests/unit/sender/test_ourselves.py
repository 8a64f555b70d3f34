from __future__ import annotations

import pytest

from services.sender.ourselves import is_local


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
