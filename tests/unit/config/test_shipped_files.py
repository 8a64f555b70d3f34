"""The files of `deploy/config`: they are valid, complete, and say what the manual says of them."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path

import pytest

from gateway.config.load import Examined, examine, read_text
from gateway.config.names import parameter_name
from gateway.config.reference import default_of, page
from gateway.config.sections.policy import MembersSection
from gateway.config.sections.section import Section
from gateway.config.settings import SECTIONS, Settings
from gateway.config.values import OBJECT_STATUSES, SPAM_STATUSES
from gateway.domain.policy import Degree, ObjectAction, ObjectStatus, SpamAction

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "deploy" / "config"
MODES = {
    mode: SHIPPED / "modes" / f"{mode}.conf"
    for mode in ("maximum-speed", "recommended", "maximum-protection")
}
SECTION_MODELS = [*SECTIONS.values(), MembersSection]

ENTRY = re.compile(r"#?([A-Za-z][A-Za-z0-9]*)=(.*)")
HEADING = re.compile(r"#?\[([^\]]+)\]")

PASS, CURE, REMOVE, PLACEHOLDER = (
    ObjectAction.PASS,
    ObjectAction.CURE,
    ObjectAction.REMOVE,
    ObjectAction.PLACEHOLDER,
)
INFECTED, SUSPICIOUS, PROTECTED, ERROR, FILTERED = (
    ObjectStatus.INFECTED,
    ObjectStatus.SUSPICIOUS,
    ObjectStatus.PROTECTED,
    ObjectStatus.ERROR,
    ObjectStatus.FILTERED,
)


def as_installed(path: Path) -> Examined:
    """The file at `path`, as if `deploy/config` lay in /etc/mailwarden."""

    def read(asked: Path) -> str:
        return read_text(SHIPPED / asked.relative_to("/etc/mailwarden"))

    return examine(Path("/etc/mailwarden") / path.relative_to(SHIPPED), {}, read=read)


def settings_of(path: Path) -> Settings:
    result = as_installed(path)
    assert result.settings is not None, result.findings.errors
    return result.settings


def entries(path: Path) -> dict[str, dict[str, str]]:
    """Of each section, the comment above each parameter that it names, also in a comment."""
    found: dict[str, dict[str, str]] = {}
    lines = path.read_text("utf-8").splitlines()
    section = ""
    for number, line in enumerate(lines):
        if heading := HEADING.fullmatch(line):
            section = heading[1]
        elif (entry := ENTRY.fullmatch(line)) and section:
            comment = list(takewhile(lambda above: above.startswith("# "), reversed(lines[:number])))
            text = " ".join(above.removeprefix("# ") for above in reversed(comment))
            found.setdefault(section, {}).setdefault(entry[1], text)
    return found


def test_the_shipped_file_is_valid_and_nothing_is_found_about_it() -> None:
    result = as_installed(SHIPPED / "smtpgw.conf")

    assert result.settings is not None
    assert not result.findings.errors
    assert not result.findings.warnings


@pytest.mark.parametrize("model", SECTION_MODELS, ids=lambda model: model.heading)
def test_the_shipped_file_names_every_parameter_with_its_default(model: type[Section]) -> None:
    heading = "smtpgw.group:managers" if model is MembersSection else model.heading

    written = entries(SHIPPED / "smtpgw.conf")[heading]

    assert list(written) == [parameter_name(attribute) for attribute in model.model_fields]
    for attribute, field in model.model_fields.items():
        said = "Required." if field.is_required() else f"Default: {default_of(model, attribute) or 'empty'}."
        assert written[parameter_name(attribute)].endswith(said), attribute


def test_the_shipped_file_has_no_other_sections() -> None:
    headings = [model.heading for model in SECTIONS.values()]

    assert set(entries(SHIPPED / "smtpgw.conf")) == {*headings, "smtpgw.group:managers"}


def test_the_shipped_policy_is_the_one_of_the_manual() -> None:
    settings = settings_of(SHIPPED / "smtpgw.conf")
    policy, told = settings.policy, {INFECTED, SUSPICIOUS, PROTECTED, ERROR, FILTERED}

    assert policy.check_spam
    assert policy.check_av
    assert policy.action_spam is SpamAction.SUBJECT
    assert policy.object_actions[ObjectStatus.DISINFECTED] is CURE
    assert {policy.object_actions[status] for status in told} == {REMOVE}
    assert policy.notify_recipient == policy.notify_admin == told
    assert not policy.block | policy.quarantine | policy.notify_sender
    assert settings.groups == ()


@pytest.mark.parametrize("mode", MODES)
def test_each_ready_made_mode_is_valid(mode: str) -> None:
    assert as_installed(MODES[mode]).findings.errors == ()


def test_maximum_speed_is_as_in_the_manual() -> None:
    settings = settings_of(MODES["maximum-speed"])
    policy, ave = settings.policy, settings.ave

    assert settings.antispam.spam_detection is Degree.SOFT
    assert (ave.cure, ave.scan_archives, ave.scan_mail_bases, ave.use_ichecker) == (False, False, False, True)
    assert policy.check_av
    assert policy.check_spam
    assert policy.include_by_name == ("*.exe", "*.bat", "*.com", "*.bin")
    assert policy.action_spam is SpamAction.SUBJECT
    assert {policy.object_actions[at] for at in (INFECTED, SUSPICIOUS, PROTECTED, ERROR, FILTERED)} == {PASS}
    assert policy.block == policy.notify_recipient == {INFECTED, FILTERED}


def test_the_recommended_mode_is_as_in_the_manual() -> None:
    settings = settings_of(MODES["recommended"])
    policy, ave = settings.policy, settings.ave

    assert settings.antispam.spam_detection is Degree.STANDARD
    assert (ave.cure, ave.scan_archives, ave.scan_mail_bases, ave.use_ichecker) == (True, True, True, True)
    assert policy.check_av
    assert policy.check_spam
    assert policy.action_spam is SpamAction.SUBJECT
    assert policy.object_actions[ObjectStatus.DISINFECTED] is CURE
    assert {policy.object_actions[at] for at in (INFECTED, SUSPICIOUS)} == {PLACEHOLDER}
    assert {policy.object_actions[at] for at in (PROTECTED, ERROR)} == {PASS}
    assert policy.block == policy.quarantine == policy.notify_recipient == {PROTECTED, ERROR}


def test_maximum_protection_is_as_in_the_manual() -> None:
    settings = settings_of(MODES["maximum-protection"])
    policy, ave = settings.policy, settings.ave

    assert settings.antispam.spam_detection is Degree.HARD
    assert (ave.cure, ave.scan_archives, ave.scan_mail_bases, ave.use_ichecker) == (True, True, True, False)
    assert policy.check_av
    assert policy.check_spam
    assert policy.action_spam is SpamAction.NONE
    assert policy.object_actions[ObjectStatus.DISINFECTED] is CURE
    assert {policy.object_actions[at] for at in (INFECTED, SUSPICIOUS, PROTECTED, ERROR)} == {REMOVE}
    assert policy.block == policy.quarantine == set(SPAM_STATUSES)
    assert policy.notify_recipient == policy.notify_admin == {INFECTED, SUSPICIOUS, PROTECTED, ERROR}


def test_blocked_spam_in_quarantine_is_the_only_thing_to_warn_of() -> None:
    warned = {mode: as_installed(path).findings.warnings for mode, path in MODES.items()}

    assert [mode for mode, warnings in warned.items() if warnings] == ["maximum-protection"]
    assert "may be infected" in warned["maximum-protection"][0].text


def test_the_reference_page_is_current() -> None:
    written = (ROOT / "docs" / "reference" / "configuration.md").read_text("utf-8")

    assert written == page(), "run: python -m gateway.config.reference > docs/reference/configuration.md"


def test_every_status_that_can_be_listed_is_in_the_reference() -> None:
    assert all(f"`{status}`" in page() for status in (*OBJECT_STATUSES, *SPAM_STATUSES))
