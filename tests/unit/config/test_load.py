from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.config.findings import InvalidConfig, printable
from gateway.config.load import MOST_BYTES, check, load_settings
from gateway.config.sections.gateway import Engine
from gateway.domain.access import RelayRule
from gateway.domain.endpoint import HostPort, LocalSocket
from gateway.domain.errors import ConfigError
from gateway.domain.policy import ObjectAction, ObjectStatus, SpamAction, SpamStatus
from gateway.domain.routes import Route
from tests.support.configuration import MINIMAL, examined, settings_of


def test_the_shortest_valid_file_has_the_defaults_for_all_else() -> None:
    result = examined(MINIMAL)

    assert printable(result.findings) == ()
    assert result.settings is not None
    assert result.settings.limits.incoming_sessions == 100
    assert result.settings.network.listen_on == (HostPort("0.0.0.0", 25),)
    assert result.settings.engines.clamd_address == LocalSocket("/run/clamav/clamd.ctl")
    assert result.settings.groups == ()


def test_what_is_kept_lies_in_the_queue_unless_said_otherwise() -> None:
    settings = settings_of(MINIMAL)

    assert settings.bus.url == "embedded:"
    assert settings.bus_file == Path("/var/spool/mailwarden/bus.sqlite")
    assert settings.blobs.url == "file:///var/spool/mailwarden/bodies"
    assert settings.records.url == "sqlite:////var/spool/mailwarden/records.sqlite"
    assert settings.stat_file == Path("/var/spool/mailwarden/smtpgw.stat")
    assert settings.ichecker_file == Path("/var/spool/mailwarden/ichecker.table")


@pytest.mark.parametrize(
    "url", ["sqlite:///srv/r.sqlite", "sqlite:////srv/r.sqlite", "SQLite:////srv/r.sqlite"]
)
def test_a_file_of_sqlite_is_always_absolute(url: str) -> None:
    settings = settings_of(f"{MINIMAL}[gateway.records]\nUrl={url}\n")

    assert settings.records.url == "sqlite:////srv/r.sqlite"


def test_lists_keep_the_order_of_their_lines() -> None:
    settings = settings_of(
        MINIMAL
        + "[smtpgw.forward]\nForwardRoute=boss@company.example [192.0.2.1:26]\nForwardRoute=* relay.example\n"
        + "[gateway.engines]\nEngine=clamd\nEngine=Testfile\n"
    )

    assert settings.forward.forward_route == (
        Route("boss@company.example", "192.0.2.1", 26),
        Route("*", "relay.example", by_mx=True),
    )
    assert settings.engines.engine == (Engine.CLAMD, Engine.TESTFILE)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("TRUE", True),
        ("yes", True),
        ("Y", True),
        ("1", True),
        ("false", False),
        ("No", False),
        ("n", False),
        ("0", False),
    ],
)
def test_yes_and_no_have_four_spellings_in_any_case(word: str, value: bool) -> None:
    assert settings_of(f"{MINIMAL}[smtpgw.ave]\nCure={word}\n").ave.cure is value


def test_a_group_falls_back_to_the_policy_parameter_by_parameter() -> None:
    settings = settings_of(
        MINIMAL
        + "[smtpgw.group:sales]\nRecipients=sales@company.example\n"
        + "ActionSpam=Keywords\nActionInfected=delete\n"
    )

    [group] = settings.groups
    assert group.policy.action_spam is SpamAction.KEYWORDS
    assert group.policy.object_actions[ObjectStatus.INFECTED] is ObjectAction.REMOVE
    assert group.policy.object_actions[ObjectStatus.DISINFECTED] is ObjectAction.CURE
    assert group.policy.admin_notify_address == "postmaster@company.example"
    assert settings.policy.action_spam is SpamAction.SUBJECT


def test_absent_members_are_everybody_and_empty_ones_nobody() -> None:
    settings = settings_of(
        MINIMAL + "[smtpgw.group:a]\nSenders=\n[smtpgw.group:b]\nSenders=*@partner.example\n"
    )

    assert [group.senders for group in settings.groups] == [(), ("*@partner.example",)]
    assert [group.recipients for group in settings.groups] == [("*",), ("*",)]


def test_an_empty_list_of_masks_clears_that_of_the_policy() -> None:
    settings = settings_of(
        MINIMAL
        + "IncludeByName=*.exe\nIncludeByName=My file?.doc\n"
        + "[smtpgw.group:a]\nSenders=*@a.example\nIncludeByName=\n"
    )

    assert settings.policy.include_by_name == ("*.exe", "My file?.doc")
    assert settings.groups[0].policy.include_by_name == ()


@pytest.mark.parametrize(
    ("text", "statuses"),
    [
        ("", set()),
        ("none", set()),
        ("Infected, av/error", {ObjectStatus.INFECTED, ObjectStatus.ERROR}),
        ("as/all", {SpamStatus.SPAM, SpamStatus.PROBABLE}),
        ("as/spam,filtered", {SpamStatus.SPAM, ObjectStatus.FILTERED}),
        (
            "infected,\n\tsuspicious,\n protected",
            {ObjectStatus.INFECTED, ObjectStatus.SUSPICIOUS, ObjectStatus.PROTECTED},
        ),
    ],
)
def test_a_list_of_statuses_is_separated_by_commas(text: str, statuses: set[object]) -> None:
    settings = settings_of(MINIMAL.replace("NotifyAdmin=\n", f"NotifyAdmin={text}\n"))

    assert settings.policy.notify_admin == statuses


def test_all_statuses_are_those_of_the_scanner_alone() -> None:
    notified = settings_of(MINIMAL.replace("NotifySender=\n", "NotifySender=all\n")).policy.notify_sender

    assert notified == {
        ObjectStatus.DISINFECTED,
        ObjectStatus.INFECTED,
        ObjectStatus.SUSPICIOUS,
        ObjectStatus.PROTECTED,
        ObjectStatus.ERROR,
        ObjectStatus.FILTERED,
    }


def test_an_external_list_repeats_the_parameter_for_each_line() -> None:
    settings = settings_of(
        MINIMAL.replace("allow from any to *@company.example", "allow from file:/nets to file:/domains"),
        files={"/nets": "192.0.2.1\n2001:db8::1", "/domains": "# ours\r\n*@a.example\r\n*@b.example\r\n"},
    )

    assert settings.access.relay_rule == tuple(
        RelayRule.parse(f"allow from {source} to {mask}")
        for source in ("192.0.2.1", "2001:db8::1")
        for mask in ("*@a.example", "*@b.example")
    )


def test_an_included_file_is_read_at_its_place() -> None:
    settings = settings_of(
        MINIMAL + "[smtpgw.forward]\n!include /routes\nForwardRoute=* last.example\n",
        files={"/routes": "\ufeffForwardRoute=*@a.example [192.0.2.1]\n"},
    )

    assert [route.host for route in settings.forward.forward_route] == ["192.0.2.1", "last.example"]


def test_files_include_each_other_eight_deep_and_not_deeper() -> None:
    files = {f"/{depth}": f"[smtpgw.ave]\n!include /{depth + 1}\n" for depth in range(1, 20)}

    result = examined(f"{MINIMAL}[smtpgw.ave]\n!include /1\n", files=files)

    assert [str(finding.place) for finding in result.findings.errors] == ["/8:2"]


def test_files_that_include_without_end_are_given_up() -> None:
    many = "!include /b\n" * 1000
    files = {"/a": many, "/b": many.replace("/b", "/c"), "/c": many.replace("/b", "/d"), "/d": "\n"}

    result = examined(f"{MINIMAL}!include /a\n", files=files)

    assert any("repeated !include" in finding.text for finding in result.findings.errors)


def test_the_environment_takes_the_place_of_what_is_written() -> None:
    environ = {
        "SMTPGW_SMTPGW_LIMITS_INCOMINGSESSIONS": "7",
        "SMTPGW_SMTPGW_NETWORK_LISTENON": "192.0.2.1:25\n[2001:db8::1]:25\n",
        "SMTPGW_GATEWAY_BUS_URL": "amqp://user:secret@broker.example/vhost",
        "SMTPGW_SMTPGW_POLICY_CHECKAV": "no",
        "SMTPGW_SMTPGW_GROUP_SALES_EU_RECIPIENTS": "",
        "SMTPGW_PATH_BASESPATH": "/srv/bases",
        "PATH": "/bin",
    }

    settings = settings_of(f"{MINIMAL}[smtpgw.group:sales-eu]\nRecipients=*@eu.company.example\n", environ)

    assert settings.limits.incoming_sessions == 7
    assert settings.network.listen_on == (HostPort("192.0.2.1", 25), HostPort("2001:db8::1", 25))
    assert settings.bus.url == "amqp://user:secret@broker.example/vhost"
    assert not settings.policy.check_av
    assert settings.groups[0].recipients == ()
    assert settings.path.bases_path == Path("/srv/bases")


def test_what_is_wrong_in_the_environment_is_found_with_the_name_of_the_variable() -> None:
    environ = {
        "SMTPGW_SMTPGW_LIMITS_INCOMINGSESSION": "7",
        "SMTPGW_SMTPGW_LIMITS_OUTGOINGSESSIONS": "many",
        "SMTPGW_SMTPGW_NETWORK_LISTENON": "192.0.2.1:25\nsomewhere",
        "SMTPGW_GATEWAY_BUS_URL": "amqp://user:secret@[broker/",
        "SMTPGW_SMTPGW_GROUP_A_B_CHECKAV": "yes",
    }
    text = MINIMAL + "".join(f"[smtpgw.group:{name}]\nSenders=*@{name}.example\n" for name in ("a-b", "a.b"))

    lines = printable(examined(text, environ).findings)

    assert [line.split(" ")[0] for line in lines] == [
        "SMTPGW_GATEWAY_BUS_URL:",
        "SMTPGW_SMTPGW_GROUP_A_B_CHECKAV:",
        "SMTPGW_SMTPGW_LIMITS_INCOMINGSESSION:",
        "SMTPGW_SMTPGW_LIMITS_OUTGOINGSESSIONS:",
        "SMTPGW_SMTPGW_NETWORK_LISTENON:2:",
    ]
    assert "did you mean SMTPGW_SMTPGW_LIMITS_INCOMINGSESSIONS?" in lines[2]
    assert not any("secret" in line for line in lines)


def test_secrets_are_not_shown_with_the_settings() -> None:
    settings = settings_of(
        MINIMAL,
        {
            "SMTPGW_GATEWAY_BUS_URL": "amqp://user:secret@broker.example/",
            "SMTPGW_GATEWAY_RECORDS_URL": "postgresql://user:secret@db.example/mail",
            "SMTPGW_UPDATER_OPTIONS_PROXYADDRESS": "http://user:secret@proxy.example:3128",
        },
    )

    assert "secret" not in repr(settings)


def test_an_invalid_file_raises_with_all_errors(tmp_path: Path) -> None:
    path = tmp_path / "smtpgw.conf"
    path.write_text(f"{MINIMAL}[smtpgw.ave]\nCure=perhaps\nScanTimeout=never\n")
    first = MINIMAL.count("\n") + 2

    with pytest.raises(InvalidConfig) as raised:
        load_settings(path, {})

    assert isinstance(raised.value, ConfigError)
    assert len(raised.value.findings.errors) == 2
    assert f"{path}:{first}: error: Cure: 'perhaps'" in str(raised.value)


def test_a_valid_file_is_read_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "smtpgw.conf"
    path.write_bytes(MINIMAL.replace("\n", "\r\n").encode("utf-8-sig"))

    assert load_settings(path, {}).network.hostname == "gateway.company.example"


@pytest.mark.parametrize("kind", ["missing", "directory", "pipe", "binary", "huge"])
def test_a_file_that_cannot_be_read_is_one_finding(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "smtpgw.conf"
    match kind:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "binary":
            path.write_bytes(b"\xff\xfe\x00")
        case "huge":
            with path.open("wb") as file:
                file.truncate(MOST_BYTES + 1)

    findings = check(path, {})

    assert [str(finding.place) for finding in findings.errors] == [str(path)]
    assert not findings.warnings
