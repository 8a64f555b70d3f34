"""The configuration in the hands of an operator: to read, to check a draft, to apply it, and to go back.

Only where the file is the gateway's own to write: with a broker there may be more machines, whose files are
brought there by whoever deploys them (in Kubernetes the ConfigMap), and what was written here would be lost.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from gateway.bus.port import Inlet
from gateway.config.file import ConfigFile, NotOurs, Version
from gateway.config.findings import Findings, InvalidConfig, printable
from gateway.config.settings import Settings
from gateway.domain.commands import Reload

FOLDER = "config-history"
"""Where former configurations lie, in `QueuePath`."""


@dataclass(frozen=True, slots=True)
class ConfigShown:
    """The configuration as it is."""

    path: str
    text: str  # without secrets
    digest: str  # tells it from any other
    findings: Sequence[str]  # what is to be said of it, a line each
    read_only: str  # why it cannot be changed here; "" when it can


@dataclass(frozen=True, slots=True)
class Checked:
    """What is to be said of a draft."""

    valid: bool
    findings: Sequence[str]  # a line each, with place and remedy


@dataclass(frozen=True, slots=True)
class Applied:
    """A configuration that was put into force, or would be."""

    dry_run: bool
    findings: Sequence[str]  # warnings
    reloads: bool  # all processes start anew with it; else it counts from the next start on


class Configuration:
    """The file of one gateway."""

    def __init__(
        self, config: Path, settings: Settings, inlet: Inlet, environ: Mapping[str, str], *, watched: bool
    ) -> None:
        """`watched`: who ends is started anew, so that a reload is more than an end."""
        self._file = ConfigFile(config, settings.smtpgw_path.queue_path / FOLDER, environ)
        self._embedded = urlsplit(settings.bus.url).scheme == "embedded"
        self._inlet = inlet
        self._watched = watched

    async def shown(self) -> ConfigShown:
        """The configuration, without secrets."""

        def read() -> ConfigShown:
            file = self._file
            findings = printable(file.findings())
            return ConfigShown(str(file.path), file.text(), file.digest(), findings, self._read_only())

        return await asyncio.to_thread(read)

    async def check(self, draft: str) -> Checked:
        """What is to be said of a draft."""
        findings = await asyncio.to_thread(self._file.examined, draft)
        return Checked(not findings.errors, printable(findings))

    async def apply(self, draft: str, now: datetime, *, base: str = "", dry_run: bool = False) -> Applied:
        """Put a draft into force. Raises `InvalidConfig`, `ChangedMeanwhile` and `NotOurs`."""
        self._refuse_unless_ours()
        if dry_run:
            findings = await asyncio.to_thread(self._file.examined, draft)
            if findings.errors:
                raise InvalidConfig(findings)
            return Applied(True, printable(findings), self._watched)
        findings = await asyncio.to_thread(self._file.replace, draft, now, base=base)
        return await self._reloaded(findings)

    async def versions(self) -> Sequence[Version]:
        """Former configurations, newest first."""
        return await asyncio.to_thread(self._file.versions)

    async def version(self, version_id: str) -> str | None:
        """A former configuration, without secrets."""
        return await asyncio.to_thread(self._file.version, version_id)

    async def roll_back(self, version_id: str, now: datetime, *, dry_run: bool = False) -> Applied | None:
        """Put a former configuration into force; None when there is none of that id. Raises like `apply`."""
        self._refuse_unless_ours()
        findings = await asyncio.to_thread(self._file.roll_back, version_id, now, dry_run=dry_run)
        if findings is None:
            return None
        return (
            Applied(True, printable(findings), self._watched) if dry_run else await self._reloaded(findings)
        )

    async def _reloaded(self, findings: Findings) -> Applied:
        if self._watched:
            await self._inlet.tell(Reload())
        return Applied(False, printable(findings), self._watched)

    def _refuse_unless_ours(self) -> None:
        if why := self._read_only():
            raise NotOurs(why)

    def _read_only(self) -> str:
        if not self._embedded:
            return (
                "the file belongs to who deploys the gateway, since there may be other machines: change it "
                "where they get it from, as the ConfigMap in Kubernetes"
            )
        if not os.access(self._file.path.parent, os.W_OK | os.X_OK):
            return (
                f"{self._file.path.parent} cannot be written by the gateway: change the file as its owner, "
                "and reload"
            )
        return ""
