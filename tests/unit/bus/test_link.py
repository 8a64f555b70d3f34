from __future__ import annotations

import pytest

from gateway.bus.amqp.link import masked, parse_url


def test_an_address_is_shown_without_its_password() -> None:
    shown = masked(parse_url("amqps://user:s3cret@broker.example:5671/vhost?cafile=/etc/ca.pem"))

    assert shown == "amqps://user:***@broker.example:5671/vhost"


def test_a_heartbeat_is_asked_for_unless_the_operator_chose_one() -> None:
    assert parse_url("amqp://broker.example").query["heartbeat"] == "15"
    assert parse_url("amqp://broker.example/?heartbeat=60").query["heartbeat"] == "60"


@pytest.mark.parametrize("text", ["", "embedded:", "http://broker.example/", "amqp:///vhost"])
def test_what_names_no_broker_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="amqp://user:password@host:port/vhost"):
        parse_url(text)
