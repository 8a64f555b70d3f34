"""Configurations as text, and how they are read without a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway.config.load import Examined, examine
from gateway.config.settings import Settings

MAIN = Path("/etc/mailwarden/smtpgw.conf")

MINIMAL = """\
[path]
BasesPath=/var/lib/mailwarden/bases
LicensePath=/var/lib/mailwarden/licenses
[smtpgw.access]
RelayRule=allow from any to *@company.example
[smtpgw.network]
Hostname=gateway.company.example
Postmaster=postmaster@company.example
ProtectedDomains=company.example
[smtpgw.options]
LogFilename=
[smtpgw.path]
QueuePath=/var/spool/mailwarden
ControlPath=/var/lib/mailwarden/control
[smtpgw.policy]
CheckAV=true
CheckSpam=true
ActionSpam=subject
ActionDisinfected=cure
ActionInfected=remove
ActionSuspicious=remove
ActionProtected=remove
ActionError=remove
ActionFiltered=remove
BlockMessage=
QuarantineMessage=
NotifyAdmin=
NotifyRecipient=
NotifySender=
AdminNotifyAddress=postmaster@company.example
NotifyFromAddress=postmaster@company.example
AVQuarantinePath=/var/lib/mailwarden/quarantine/av
ASQuarantinePath=/var/lib/mailwarden/quarantine/spam
NotifyAdminTemplate=
NotifyRecipientTemplate=
NotifySenderTemplate=
PlaceholderTemplate=
DisclaimerTemplate=
AddXHeader=false
AddDisclaimer=false
"""
"""The shortest configuration that is valid, and about which nothing is found."""


def examined(
    text: str, environ: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None
) -> Examined:
    """What comes of a configuration with that text; `files` are the other files that there are."""
    texts = {str(MAIN): text, **(files or {})}

    def read(path: Path) -> str:
        if str(path) not in texts:
            raise FileNotFoundError(2, "No such file or directory")
        return texts[str(path)]

    return examine(MAIN, environ or {}, read=read, is_file=lambda path: str(path) in texts)


def settings_of(
    text: str, environ: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None
) -> Settings:
    """The settings of a configuration that is valid."""
    result = examined(text, environ, files)
    assert result.settings is not None, result.findings.errors
    return result.settings
