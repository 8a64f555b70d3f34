"""Files and directories: those that are missing, shared, forgotten or dangerous."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

from gateway.config.build import Built
from gateway.config.certificate import UnusableCertificate, expiry, load_certificate
from gateway.config.draft import Draft
from gateway.config.findings import Finding, Place, warning
from gateway.config.names import parameter_name
from gateway.config.sections.gateway import ApiSection
from gateway.config.sections.site import (
    OptionsSection,
    SmtpgwPathSection,
)
from gateway.config.sections.transport import TlsSection
from gateway.config.syntax import Line, Read, unreadable
from gateway.config.values import SPAM_STATUSES
from gateway.domain.template import TemplateError, compile_template


def template_is_missing(draft: Draft) -> Iterator[Finding]:
    """A template that is named has to be there, and to be right, before mail needs it."""
    sections: tuple[Built[Any], ...] = (draft.sections[OptionsSection], *draft.policies)
    for built in sections:
        for attribute, lines in built.lines.items():
            if attribute.endswith("_template") and lines[0].value:
                yield from _broken(draft.read, lines[0], Path(lines[0].value))


def _broken(read: Read, line: Line, path: Path) -> Iterator[Finding]:
    try:
        compile_template(read(path))
    except (OSError, UnicodeDecodeError) as failure:
        yield Finding(line.place, f"{line.parameter}: {unreadable(path, failure)}")
    except TemplateError as wrong:
        yield Finding(Place(str(path), wrong.line), f"{wrong.reason}: mend this line of the template")


def certificate_is_unusable(draft: Draft) -> Iterator[Finding]:
    """A certificate and its key belong together, and have to be there for those who connect with TLS."""
    for section in (TlsSection, ApiSection):
        yield from _unusable(draft, section)
    tls = draft.value(TlsSection)
    if tls and tls.listen_on and not (tls.certificate or tls.key):
        yield Finding(
            draft.place(TlsSection, "listen_on"), "ListenOn needs TLS to speak: add Certificate and Key"
        )


def _unusable(draft: Draft, section: type[TlsSection | ApiSection]) -> Iterator[Finding]:
    tls = draft.value(section)
    if tls is None:
        return
    for attribute, path, other in (
        ("certificate", tls.certificate, tls.key),
        ("key", tls.key, tls.certificate),
    ):
        place, name = draft.place(section, attribute), parameter_name(attribute)
        yield from _missing(draft, place, name, path)
        if path and not other:
            yield Finding(
                place, f"{name} needs the other one of Certificate and Key: add it, or remove this one"
            )
    if tls.certificate and tls.key and draft.is_file(tls.certificate) and draft.is_file(tls.key):
        try:
            load_certificate(SSLContext(PROTOCOL_TLS_SERVER), tls.certificate, tls.key)
        except UnusableCertificate as wrong:
            yield Finding(draft.place(section, wrong.attribute), str(wrong))
            return
        ended = expiry(tls.certificate)
        if ended < datetime.now(UTC):
            yield warning(
                draft.place(section, "certificate"),
                f"Certificate: {tls.certificate} ended on {ended:%Y-%m-%d}: renew it",
            )


def authorities_are_missing(draft: Draft) -> Iterator[Finding]:
    """Without the file of its authorities, no certificate is valid."""
    tls = draft.value(TlsSection)
    if tls is None:
        return
    yield from _missing(draft, draft.place(TlsSection, "ca_file"), "CaFile", tls.ca_file)
    for number, rule in enumerate(tls.tls_rule):
        if rule.authorities:
            place = draft.place(TlsSection, "tls_rule", number)
            yield from _missing(draft, place, "TlsRule", Path(rule.authorities))


def _missing(draft: Draft, place: Place, name: str, path: Path | None) -> Iterator[Finding]:
    if path and not draft.is_file(path):
        yield Finding(place, f"{name}: there is no file {path}: put it there, or correct the path")


def directories_are_shared(draft: Draft) -> Iterator[Finding]:
    """Two storages in one directory could not be told apart."""
    paths = draft.value(SmtpgwPathSection)
    used: dict[Path, str] = {}
    for attribute in ("queue_path", "control_path", "incoming_archive_path", "outgoing_archive_path"):
        path: Path | None = getattr(paths, attribute, None)
        if path:
            yield from _shared(
                used, path, parameter_name(attribute), draft.place(SmtpgwPathSection, attribute)
            )
    for built in draft.policies:
        for attribute in ("av_quarantine_path", "as_quarantine_path"):
            # Groups may share a quarantine with each other, but not the two kinds with one another.
            if built.section and attribute in built.lines:
                name = parameter_name(attribute)
                yield from _shared(used, getattr(built.section, attribute), name, built.place_of(attribute))


def _shared(used: dict[Path, str], path: Path, name: str, place: Place) -> Iterator[Finding]:
    owner = used.setdefault(path, name)
    if owner != name:
        yield Finding(place, f"{name} and {owner} are both {path}: give each a directory of its own")


def nothing_is_logged(draft: Draft) -> Iterator[Finding]:
    """An empty LogFilename is a decision, an absent one an oversight."""
    if draft.value(OptionsSection) and not draft.is_written(OptionsSection, "log_filename"):
        yield warning(
            draft.place(OptionsSection, "log_filename"),
            "nothing is logged, because LogFilename is not given: name a file or syslog, or leave it "
            "empty on purpose",
        )


def spam_is_kept_unscanned(draft: Draft) -> Iterator[Finding]:
    """Spam that is blocked is not scanned, and its copy in quarantine may be infected."""
    for built in draft.policies:
        policy = built.section
        if policy is None or not {"block_message", "quarantine_message"} & built.lines.keys():
            continue
        if policy.block_message & policy.quarantine_message & set(SPAM_STATUSES):
            attribute = "quarantine_message" if "quarantine_message" in built.lines else "block_message"
            yield warning(
                built.place_of(attribute),
                "spam that is blocked is not scanned for viruses, so its copies in quarantine may be "
                "infected: handle them as such",
            )
