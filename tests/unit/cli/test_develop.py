from __future__ import annotations

from cli.develop import with_values

SHIPPED = """\
# The relay.
[smtpgw.network]
# Where to listen.
ListenOn=0.0.0.0:25
ListenOn=[::]:25
Hostname=mail.example

[smtpgw.forward]
#ForwardRoute=*@office.example [192.0.2.1]
"""


def test_a_parameter_gets_its_new_values_in_its_place() -> None:
    changed = with_values(SHIPPED, {("smtpgw.network", "ListenOn"): ["127.0.0.1:2525"]})

    assert changed == SHIPPED.replace("ListenOn=0.0.0.0:25\nListenOn=[::]:25", "ListenOn=127.0.0.1:2525")


def test_a_parameter_that_was_not_there_is_added_to_its_section() -> None:
    changed = with_values(SHIPPED, {("smtpgw.network", "Postmaster"): ["postmaster@mail.example"]})

    assert "Hostname=mail.example\n\nPostmaster=postmaster@mail.example\n[smtpgw.forward]" in changed


def test_a_parameter_of_the_last_section_is_added_at_the_end() -> None:
    changed = with_values(
        SHIPPED, {("smtpgw.forward", "ForwardRoute"): ["*@* [127.0.0.1:2526]", "* example"]}
    )

    assert changed == SHIPPED + "ForwardRoute=*@* [127.0.0.1:2526]\nForwardRoute=* example\n"


def test_the_same_name_in_another_section_stays() -> None:
    changed = with_values(SHIPPED, {("smtpgw.forward", "Hostname"): ["other.example"]})

    assert "Hostname=mail.example" in changed
