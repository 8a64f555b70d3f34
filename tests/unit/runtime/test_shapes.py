from __future__ import annotations

import sys
from pathlib import Path

from gateway.config.load import load_settings
from gateway.runtime.shapes import MODULES, children, with_our_code

PROJECT = Path(__file__).parents[3]
SHIPPED = PROJECT / "deploy" / "config" / "smtpgw.conf"
CONFIG = Path("/etc/mailwarden/smtpgw.conf")


def test_over_an_embedded_bus_all_modules_are_one_process() -> None:
    [child] = children(load_settings(SHIPPED, {}), CONFIG, {})

    assert child.argv == (sys.executable, "-P", "-m", "cli.everything", "-c", str(CONFIG))
    assert child.modules == set(MODULES)


def test_over_a_broker_each_module_has_as_many_processes_as_configured() -> None:
    environment = {
        "SMTPGW_GATEWAY_BUS_URL": "amqp://guest:guest@broker.example:5672/",
        "SMTPGW_GATEWAY_RECORDS_URL": "postgresql://gateway@database.example:5432/gateway",
        "SMTPGW_GATEWAY_PROCESSES_SCANNER": "2",
        "SMTPGW_GATEWAY_PROCESSES_API": "0",
    }

    started = children(load_settings(SHIPPED, environment), CONFIG, environment)

    assert [child.name for child in started] == ["receiver", "antispam", "scanner-1", "scanner-2", "sender"]
    assert [child.argv[3] for child in started[1:3]] == ["services.antispam", "services.scanner"]
    assert [child.modules for child in started[1:3]] == [{"antispam"}, {"scanner"}]


def test_processes_have_their_pages_at_one_port_after_the_other() -> None:
    environment = {
        "SMTPGW_GATEWAY_BUS_URL": "amqp://guest:guest@broker.example:5672/",
        "SMTPGW_GATEWAY_PROCESSES_SCANNER": "2",
        "SMTPGW_GATEWAY_METRICS_LISTEN": "[2001:db8::1]:9465",
    }

    started = children(load_settings(SHIPPED, environment), CONFIG, environment)

    assert {child.name: child.environment["SMTPGW_GATEWAY_METRICS_LISTEN"] for child in started} == {
        "receiver": "[2001:db8::1]:9465",
        "antispam": "[2001:db8::1]:9466",
        "scanner-1": "[2001:db8::1]:9467",
        "scanner-2": "[2001:db8::1]:9468",
        "sender": "[2001:db8::1]:9469",
        "api": "[2001:db8::1]:9470",
    }


def test_children_inherit_the_environment() -> None:
    [child] = children(load_settings(SHIPPED, {}), CONFIG, {"TMPDIR": "/srv/tmp"})

    assert child.environment["TMPDIR"] == "/srv/tmp"


def test_our_code_is_found_before_any_other() -> None:
    assert with_our_code({})["PYTHONPATH"] == str(PROJECT)
    assert with_our_code({"PYTHONPATH": "/srv/more"})["PYTHONPATH"] == f"{PROJECT}:/srv/more"
