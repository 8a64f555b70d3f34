"""Which update servers are asked, in which order: `updcfg.xml`, and a source of one's own.

<servers>
  <server url="https://updates.example/mailwarden/" region="eu"/>
</servers>
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

SERVER_LIST = "updcfg.xml"
"""The list, below `BasesPath`; where there is none, the one that came with the gateway counts."""

SHIPPED_LIST = Path(__file__).parent / SERVER_LIST


class BadServerList(Exception):
    """The list cannot be read; says which file, and why."""


@dataclass(frozen=True, slots=True)
class Server:
    """An update server."""

    url: str
    region: str = ""


def read_servers(bases: Path) -> Sequence[Server]:
    """The servers of the list, in its order. Raises `BadServerList`."""
    path = bases / SERVER_LIST
    path = path if path.exists() else SHIPPED_LIST
    try:
        # It belongs to the administrator: nobody else writes there.
        root = ElementTree.fromstring(path.read_bytes())  # noqa: S314
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as problem:
        raise BadServerList(f"{path}: {problem}") from problem
    servers = [Server(one.get("url", ""), one.get("region", "")) for one in root.iter("server")]
    if any(not server.url for server in servers):
        raise BadServerList(f'{path}: a <server> has no url="..."')
    return servers


def in_order(servers: Sequence[Server], region: str) -> Sequence[str]:
    """The addresses as they are asked: those of the region first."""
    near = sorted(servers, key=lambda server: bool(region) and server.region.lower() != region.lower())
    return [server.url for server in near]


def addresses(servers: Sequence[str], own: str, *, own_first: bool, own_only: bool) -> Sequence[str]:
    """All that may be asked, one after the other (`UseUpdateServerUrl`, `UseUpdateServerUrlOnly`)."""
    if not (own and own_first):
        return servers
    return [own] if own_only else [own, *servers]
