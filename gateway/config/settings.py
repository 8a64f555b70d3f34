"""All that is configured, immutable: one attribute per section, one attribute of it per parameter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, InstanceOf, model_validator

from gateway.config.sections.authentication import AuthenticationSection
from gateway.config.sections.bounds import LimitsSection, ResolveSection, TimeoutsSection
from gateway.config.sections.gateway import (
    ApiSection,
    BlobsSection,
    BusSection,
    DsnSection,
    EnginesSection,
    GatewayAccessSection,
    GreylistSection,
    MetricsSection,
    NoticesSection,
    ObjectsSection,
    ProcessesSection,
    ReceiverSection,
    RecipientsSection,
    RecordsSection,
    StoragesSection,
    TracesSection,
)
from gateway.config.sections.log import LogSection
from gateway.config.sections.policy import PolicySection
from gateway.config.sections.section import Section
from gateway.config.sections.site import (
    AccessSection,
    AntispamSection,
    AveSection,
    ForwardSection,
    LocaleSection,
    NetworkSection,
    OptionsSection,
    PathSection,
    SmtpgwPathSection,
)
from gateway.config.sections.transport import DeliverySection, DnsSection, TlsSection
from gateway.config.sections.updater import (
    UpdaterOptionsSection,
    UpdaterPathSection,
    UpdaterReportSection,
    UpdatesSection,
)
from gateway.domain.mail import POLICY
from gateway.domain.policy import Group, Policy
from gateway.domain.storage import Storage, StorageKind


class Settings(BaseModel):
    """The configuration. Numbers are in the unit that the file has them in: KB, seconds, days."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    path: PathSection
    locale: LocaleSection = LocaleSection()
    access: AccessSection = AccessSection()
    antispam: AntispamSection = AntispamSection()
    ave: AveSection = AveSection()
    forward: ForwardSection = ForwardSection()
    limits: LimitsSection = LimitsSection()
    network: NetworkSection
    options: OptionsSection = OptionsSection()
    smtpgw_path: SmtpgwPathSection
    timeouts: TimeoutsSection = TimeoutsSection()
    resolve: ResolveSection = ResolveSection()
    policy: InstanceOf[Policy]
    groups: tuple[InstanceOf[Group], ...] = ()  # in the order of the file
    updater_path: UpdaterPathSection = UpdaterPathSection()
    updater_options: UpdaterOptionsSection = UpdaterOptionsSection()
    updater_report: UpdaterReportSection = UpdaterReportSection()
    bus: BusSection = BusSection()
    blobs: BlobsSection = BlobsSection()
    records: RecordsSection = RecordsSection()
    storages: StoragesSection = StoragesSection()
    notices: NoticesSection = NoticesSection()
    api: ApiSection = ApiSection()
    metrics: MetricsSection = MetricsSection()
    log: LogSection = LogSection()
    traces: TracesSection = TracesSection()
    engines: EnginesSection = EnginesSection()
    objects: ObjectsSection = ObjectsSection()
    tls: TlsSection = TlsSection()
    receiver: ReceiverSection = ReceiverSection()
    gateway_access: GatewayAccessSection = GatewayAccessSection()
    delivery: DeliverySection = DeliverySection()
    recipients: RecipientsSection = RecipientsSection()
    greylist: GreylistSection = GreylistSection()
    authentication: AuthenticationSection = AuthenticationSection()
    dsn: DsnSection = DsnSection()
    dns: DnsSection = DnsSection()
    processes: ProcessesSection = ProcessesSection()
    updates: UpdatesSection = UpdatesSection()

    @model_validator(mode="before")
    @classmethod
    def _with_places_in_the_queue(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Say where bodies and records lie when nobody else did, so that their URLs are never empty."""
        paths = given.get("smtpgw_path")
        if not isinstance(paths, SmtpgwPathSection):
            return given
        queue = paths.queue_path
        blobs, records = given.get("blobs", BlobsSection()), given.get("records", RecordsSection())
        if not blobs.url:
            blobs = blobs.model_copy(update={"url": f"file://{queue / 'bodies'}"})
        if not records.url:
            records = records.model_copy(update={"url": f"sqlite:///{queue / 'records.sqlite'}"})
        return {**given, "blobs": blobs, "records": records}

    @property
    def policies(self) -> Mapping[str, Policy]:
        """The policy of each group by its name, that of the site by `POLICY`."""
        return {POLICY: self.policy} | {group.name: group.policy for group in self.groups}

    @property
    def incoming_archive(self) -> Storage:
        """Where a copy of every accepted message is kept."""
        return Storage(StorageKind.INCOMING, str(self.smtpgw_path.incoming_archive_path or ""))

    @property
    def outgoing_archive(self) -> Storage:
        """Where a copy of what was delivered or blocked is kept, and of our own notices."""
        return Storage(StorageKind.OUTGOING, str(self.smtpgw_path.outgoing_archive_path or ""))

    @property
    def bus_file(self) -> Path:
        """The file of the embedded bus."""
        return self.smtpgw_path.queue_path / "bus.sqlite"

    @property
    def stat_file(self) -> Path:
        """The file that the `stats` command writes."""
        return self.options.stat_filename or self.smtpgw_path.queue_path / "smtpgw.stat"

    @property
    def bases_backup(self) -> Path:
        """Where the updater keeps the databases of before."""
        bases = self.path.bases_path
        return self.updater_path.back_up_path or bases.with_name(f"{bases.name}.backup")

    @property
    def ichecker_file(self) -> Path:
        """The store of objects known to be clean."""
        return self.options.ichecker_db_filename or self.smtpgw_path.queue_path / "ichecker.table"


SECTIONS: Mapping[str, type[Section]] = MappingProxyType(
    {
        name: PolicySection if name == "policy" else cast(type[Section], field.annotation)
        for name, field in Settings.model_fields.items()
        if name != "groups"
    }
)
"""The model of each section, by its attribute in `Settings`, in the order of the shipped file."""

SECTION_OF_GROUP = "smtpgw.group:"
"""What the heading of a group begins with; its name follows."""
