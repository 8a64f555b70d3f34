"""The configuration from its file and the environment, or all that is wrong with it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from gateway.config.build import Built, build
from gateway.config.checks import CHECKS
from gateway.config.draft import Draft, DraftGroup
from gateway.config.environment import override
from gateway.config.findings import Finding, Findings, InvalidConfig, Place, sorted_findings
from gateway.config.sections.policy import MembersSection, PolicySection
from gateway.config.sections.section import Section
from gateway.config.settings import SECTION_OF_GROUP, SECTIONS, Settings
from gateway.config.syntax import Line, Read, expand, parse
from gateway.config.written import Arranged, Written, arrange, attributes_of, holds_url, is_group, overridable
from gateway.domain.policy import Group

MOST_BYTES = 16 << 20
"""A configuration file may be this large; lists of addresses are."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of a configuration: settings, unless there are errors, and all findings."""

    settings: Settings | None
    findings: Findings


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings of the file at `path`, overridden by `environ`. `InvalidConfig` has all findings."""
    examined = examine(path, environ)
    if examined.settings is None:
        raise InvalidConfig(examined.findings)
    return examined.settings


def check(path: Path, environ: Mapping[str, str]) -> Findings:
    """All that is wrong, or worth knowing, about the configuration."""
    return examine(path, environ).findings


def read_text(path: Path) -> str:
    """The text of a configuration file. `OSError` or `UnicodeDecodeError` when there is none to be had."""
    # Without O_NONBLOCK, a named pipe would keep the gateway waiting for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MOST_BYTES >> 20} MB")
    return content.decode("utf-8")


def examine(
    path: Path,
    environ: Mapping[str, str],
    *,
    read: Read = read_text,
    is_file: Callable[[Path], bool] = os.path.isfile,
) -> Examined:
    """Read and check everything, and report everything: nothing stops at the first finding."""
    main = Place(str(path))
    parsed = parse(path, read)
    if not parsed.readable:
        return Examined(None, sorted_findings(parsed.findings))

    overridden, strange_variables = override(parsed.lines, overridable(parsed.headings), environ)
    expanded, broken_lists = expand(overridden, read, holds_url)
    arranged = arrange(main, parsed.headings, expanded)
    draft, wrong_values = _draft(main, arranged, _mentioned(overridden), read, is_file)
    contradictions = chain.from_iterable(look(draft) for look in CHECKS)

    found = [
        *parsed.findings,
        *strange_variables,
        *broken_lists,
        *arranged.findings,
        *wrong_values,
        *contradictions,
    ]
    findings = sorted_findings(found)
    return Examined(None if findings.errors else _settings(draft), findings)


def _mentioned(lines: tuple[Line, ...]) -> Mapping[str, frozenset[str]]:
    """The parameters that have a line in each section, even if `file:` could not be followed."""
    mentioned: dict[str, set[str]] = {}
    for line in lines:
        if attribute := attributes_of(line.section).get(line.parameter):
            mentioned.setdefault(line.section, set()).add(attribute)
    return {section: frozenset(attributes) for section, attributes in mentioned.items()}


def _draft(
    main: Place,
    arranged: Arranged,
    mentioned: Mapping[str, frozenset[str]],
    read: Read,
    is_file: Callable[[Path], bool],
) -> tuple[Draft, list[Finding]]:
    findings: list[Finding] = []
    sections: dict[type[Section], Built[Section]] = {}
    for model in SECTIONS.values():
        heading = model.heading
        written = arranged.sections.get(heading)
        sections[model] = build(
            model, written or Written(heading, main, {}), mentioned=mentioned.get(heading, frozenset())
        )
        if written is None and sections[model].section is None:
            findings.append(
                Finding(main, f"the section [{heading}] is missing: add it; the shipped file shows how")
            )
        else:
            findings.extend(sections[model].findings)

    groups = tuple(
        _group(written, sections[PolicySection], mentioned.get(heading, frozenset()))
        for heading, written in arranged.sections.items()
        if is_group(heading)
    )
    for group in groups:
        findings.extend((*group.members.findings, *group.policy.findings))
    return Draft(sections, groups, main, read, is_file), findings


def _group(written: Written, site: Built[Any], mentioned: frozenset[str]) -> DraftGroup:
    members = build(MembersSection, written, mentioned=mentioned)
    given = mentioned & MembersSection.model_fields.keys()
    return DraftGroup(
        name=written.heading.removeprefix(SECTION_OF_GROUP),
        says_whose=bool(given),
        is_known=bool(given) and given <= members.lines.keys() and not members.findings,
        members=members,
        policy=build(PolicySection, written, behind=site.lines, mentioned=mentioned),
    )


def _settings(draft: Draft) -> Settings:
    """The settings of a draft without errors."""
    given: dict[str, Any] = {attribute: draft.value(model) for attribute, model in SECTIONS.items()}
    site, *others = (built.section.policy() for built in draft.policies if built.section is not None)
    members = (group.members.section for group in draft.groups)
    groups = tuple(
        Group(group.name, whose.senders, whose.recipients, policy)
        for group, whose, policy in zip(draft.groups, members, others, strict=True)
        if whose is not None
    )
    return Settings(**{**given, "policy": site, "groups": groups})
