"""The updater of the databases."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from gateway.config.sections.section import Section
from gateway.config.sections.site import Level, LogLevel
from gateway.config.values import FreeText, Number, OptionalPath, Switch, reader, word_of


class UpdatedBases(StrEnum):
    """Which databases are updated."""

    ALL = "all"
    ANTIVIRUS = "av"


class UpdaterPathSection(Section):
    """Where the updater keeps things."""

    heading: ClassVar[str] = "updater.path"

    back_up_path: OptionalPath = Field(
        default=None,
        description="Directory of the previous databases; empty: beside `BasesPath`, with `.backup` added.",
    )
    upload_patch_path: OptionalPath = Field(
        default=None, description="Directory of component updates; empty: none are kept."
    )
    av_bases_test_path: OptionalPath = Field(
        default=None,
        description="Program that tests new databases; empty: the `avbasestest` of this installation.",
    )


class UpdaterOptionsSection(Section):
    """What is updated, and from where."""

    heading: ClassVar[str] = "updater.options"

    update_bases: Annotated[UpdatedBases, reader(word_of(UpdatedBases))] = Field(
        default=UpdatedBases.ALL, description="Which databases: `all`, or `av` for the anti-virus ones alone."
    )
    keep_silent: Switch = Field(default=False, description="Write nothing to the console.")
    update_server_url: FreeText = Field(
        default="",
        repr=False,
        description="A source of your own: a directory, or a URL of file:, http: or https:.",
    )
    use_update_server_url: Switch = Field(default=False, description="Ask that source first.")
    use_update_server_url_only: Switch = Field(
        default=False, description="When that source fails, do not fall back to the list of servers."
    )
    post_update_cmd: FreeText = Field(
        default="",
        description="Command after a successful update, without a shell; empty: none is needed, since all "
        "processes take new databases over by themselves.",
    )
    region_settings: FreeText = Field(
        default="", description="Region by which a near server is chosen; empty: any."
    )
    connect_timeout: Number = Field(
        default=30, ge=1, le=1200, description="Seconds for a connection to a server."
    )
    use_proxy: Switch = Field(default=False, description="Connect through `ProxyAddress`.")
    proxy_address: FreeText = Field(
        default="",
        repr=False,
        description="Proxy, `http://user:password@host:port`; Basic authentication is supported.",
    )
    passive_ftp: Switch = Field(default=True, description="Of no meaning: updates come by HTTP.")


class UpdaterReportSection(Section):
    """The updater's report."""

    heading: ClassVar[str] = "updater.report"

    append: Switch = Field(default=False, description="Add to the report, instead of beginning anew.")
    report_file_name: OptionalPath = Field(default=None, description="Report file; empty: none.")
    report_level: Level = Field(
        default=LogLevel.NOTICE,
        description="0 fatal errors, 1 errors, 2 warnings, 3 notices, 4 activity, 9 everything.",
    )


class UpdatesSection(Section):
    """Whom the updater trusts, and how new databases are tried out before they are used."""

    heading: ClassVar[str] = "gateway.updates"

    root_file: OptionalPath = Field(
        default=None,
        description="Root of trust of a maker of your own; empty: that of the maker of the gateway.",
    )
    tried_messages: Number = Field(
        default=200,
        ge=0,
        le=10_000,
        description="So many of the last messages in the outgoing archive are looked at with new databases "
        "before they are used.",
    )
    newly_blocked: Number = Field(
        default=2,
        ge=0,
        le=100,
        description="Percent of them in which new databases may find something, and those in use do not. "
        "Two messages are always allowed.",
    )
    try_out_timeout: Number = Field(
        default=600, ge=10, le=7200, description="Seconds for trying out the databases of one family."
    )
