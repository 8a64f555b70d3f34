from __future__ import annotations

import pytest

from gateway.domain.routes import Route


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("*@a.example b.example", Route("*@a.example", "b.example", by_mx=True)),
        ("*@a.example [mail.b.example]", Route("*@a.example", "mail.b.example")),
        ("*@a.example [localhost:1025]", Route("*@a.example", "localhost", 1025)),
        ("* [192.0.2.1]", Route("*", "192.0.2.1")),
        ("* [192.0.2.1]:26", Route("*", "192.0.2.1", 26)),
        ("* [2001:db8::1]", Route("*", "2001:db8::1")),
        ("* [2001:db8::1]:1025", Route("*", "2001:db8::1", 1025)),
        ("* [[2001:db8::1]:1025]", Route("*", "2001:db8::1", 1025)),
        ("any\t[mail_in:25]", Route("*", "mail_in")),
        ("* lmtp:[mail.example]", Route("*", "mail.example", 24, lmtp=True)),
        ("* lmtp:[mail.example:2424]", Route("*", "mail.example", 2424, lmtp=True)),
        ("* lmtp:[2001:db8::1]:2424", Route("*", "2001:db8::1", 2424, lmtp=True)),
        ("* lmtp:[unix:/run/lmtp]", Route("*", "unix:/run/lmtp", 24, lmtp=True)),
    ],
)
def test_a_route_names_a_domain_or_in_brackets_a_host(text: str, route: Route) -> None:
    assert Route.parse(text) == route


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("*@a.example", "not of the form"),
        ("* a b", "not of the form"),
        ("* 192.0.2.1", r"write.* \[192.0.2.1\]|written \[192.0.2.1\]"),
        ("* mail.example:25", r"written \[mail.example:25\]"),
        ("* [mail.example:0]", "not a port"),
        ("* [mail.example:70000]", "not a port"),
        ("* [mail.example", "not host:port"),
        ("* []", "neither a host name"),
        ("* [192.0.2.300]", "neither a host name"),
        ("* [2001:db8::1:1025:x]", "not host:port"),
        ("* lmtp:mail.example", r"write lmtp:\[host\]"),
        ("* lmtp:[unix:run/lmtp]", "not an absolute path"),
        ("* lmtp:[unix:/run/lmtp", "not host:port"),
        ("* [unix:/run/smtp]", "not host:port"),
    ],
)
def test_what_is_no_route_is_refused_with_words(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Route.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "*@a.example b.example",
        "* [a.example]",
        "* [a.example:26]",
        "* [2001:db8::1]:26",
        "* lmtp:[a.example]",
        "* lmtp:[a.example:25]",
        "* lmtp:[2001:db8::1]:26",
        "* lmtp:[unix:/run/lmtp]",
    ],
)
def test_a_route_is_written_as_it_is_read(text: str) -> None:
    assert str(Route.parse(text)) == text
