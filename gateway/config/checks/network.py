"""Ports, hosts and servers that cannot work together."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from gateway.config.draft import Draft
from gateway.config.findings import Finding, Place, warning
from gateway.config.names import parameter_name
from gateway.config.sections.bounds import ResolveSection
from gateway.config.sections.gateway import ApiSection, BusSection, MetricsSection, ProcessesSection
from gateway.config.sections.site import (
    ForwardSection,
    NetworkSection,
)
from gateway.config.sections.transport import TlsSection
from gateway.config.sections.updater import UpdaterOptionsSection
from gateway.domain.endpoint import HostPort, is_address
from gateway.domain.tls import OutgoingTls


def listens_twice(draft: Draft) -> Iterator[Finding]:
    """Only one can listen on a port; all interfaces include each of them."""
    network, api, metrics = draft.value(NetworkSection), draft.value(ApiSection), draft.value(MetricsSection)
    tls = draft.value(TlsSection)
    taken: list[tuple[str, HostPort, Place]] = []
    if network and draft.is_written(NetworkSection, "listen_on"):
        for number, listen in enumerate(network.listen_on):
            taken.append(("ListenOn", listen, draft.place(NetworkSection, "listen_on", number)))
    if tls:
        for number, listen in enumerate(tls.listen_on):
            taken.append(("ListenOn of [gateway.tls]", listen, draft.place(TlsSection, "listen_on", number)))
    if api and api.listen:
        taken.append(("Listen of [gateway.api]", api.listen, draft.place(ApiSection, "listen")))
    if metrics and metrics.listen:
        taken.append(("Listen of [gateway.metrics]", metrics.listen, draft.place(MetricsSection, "listen")))
    for number, (name, listen, place) in enumerate(taken):
        clash = next((other for other in taken[:number] if _meets(other[1], listen)), None)
        if clash:
            yield Finding(
                place,
                f"{name}={listen} is taken already by {clash[0]}={clash[1]}: choose another port",
            )


def _meets(one: HostPort, other: HostPort) -> bool:
    here, there = ip_address(one.host), ip_address(other.host)
    if one.port != other.port or here.version != there.version:
        return False
    return here == there or here.is_unspecified or there.is_unspecified


def mail_comes_back(draft: Draft) -> Iterator[Finding]:
    """A route to a port that the gateway itself listens on is a loop."""
    network, forward = draft.value(NetworkSection), draft.value(ForwardSection)
    if network is None or forward is None:
        return
    for number, route in enumerate(forward.forward_route):
        if not route.by_mx and any(_reaches(route.host, route.port, listen) for listen in network.listen_on):
            yield warning(
                draft.place(ForwardSection, "forward_route", number),
                f"this route leads back to the gateway, which listens on port {route.port} there itself: "
                "name the port of the next server",
            )


def _reaches(host: str, port: int, listen: HostPort) -> bool:
    target = "127.0.0.1" if host.lower() == "localhost" else host
    if port != listen.port or not is_address(target):
        return False
    ours, theirs = ip_address(listen.host), ip_address(target)
    everywhere = ours.is_unspecified and ours.version == theirs.version and theirs.is_loopback
    return ours == theirs or everywhere


def hostname_is_short(draft: Draft) -> Iterator[Finding]:
    """Other servers distrust a name without a domain (RFC 5321 §2.3.5)."""
    network = draft.value(NetworkSection)
    if network and "." not in network.hostname.rstrip("."):
        yield warning(
            draft.place(NetworkSection, "hostname"),
            f"{network.hostname} is not a full host name: write it with its domain, as other "
            "servers look it up",
        )


def api_is_out_of_reach(draft: Draft) -> Iterator[Finding]:
    """The API refuses whoever has no token."""
    api = draft.value(ApiSection)
    if api and api.listen and not api.token_file and not ip_address(api.listen.host).is_loopback:
        yield warning(
            draft.place(ApiSection, "listen"),
            f"the API listens on {api.listen} but knows no token: add TokenFile, or listen on 127.0.0.1",
        )


def processes_are_not_used(draft: Draft) -> Iterator[Finding]:
    """One process does all the work of the embedded bus."""
    bus, processes = draft.value(BusSection), draft.value(ProcessesSection)
    if bus is None or processes is None or bus.url != "embedded:":
        return
    for attribute in ("receiver", "antispam", "scanner", "sender"):
        if getattr(processes, attribute) > 1:
            yield warning(
                draft.place(ProcessesSection, attribute),
                f"{parameter_name(attribute)} has no effect on the embedded bus, where one process does all: "
                "name a broker in [gateway.bus] Url",
            )


def published_security_is_not_asked_for(draft: Draft) -> Iterator[Finding]:
    """Where TLS is never spoken, what destinations publish about theirs is of no use."""
    tls = draft.value(TlsSection)
    if tls is None or tls.tls is not OutgoingTls.NONE:
        return
    for attribute, wanted in (("mta_sts", tls.mta_sts), ("dane", tls.dane)):
        if wanted:
            yield warning(
                draft.place(TlsSection, attribute),
                f"{parameter_name(attribute)} does nothing with Tls=none: use Tls=may, or leave it out",
            )


def recursion_does_not_validate(draft: Draft) -> Iterator[Finding]:
    """DANE rests on a resolver that validates, so the sender has to ask that one."""
    tls, resolve = draft.value(TlsSection), draft.value(ResolveSection)
    if tls and resolve and tls.dane and resolve.internal_recursion_enabled:
        yield warning(
            draft.place(ResolveSection, "internal_recursion_enabled"),
            "with Dane, the sender leaves recursion to the DNS server, which validates: leave one of them "
            "out",
        )


def updater_lacks_its_source(draft: Draft) -> Iterator[Finding]:
    """What the updater is told to use has to be named."""
    options = draft.value(UpdaterOptionsSection)
    if options is None:
        return
    if options.use_update_server_url and not options.update_server_url:
        yield Finding(
            draft.place(UpdaterOptionsSection, "use_update_server_url"),
            "UseUpdateServerUrl has no source to use: add UpdateServerUrl",
        )
    if options.use_update_server_url_only and not options.use_update_server_url:
        yield warning(
            draft.place(UpdaterOptionsSection, "use_update_server_url_only"),
            "UseUpdateServerUrlOnly does nothing alone: set UseUpdateServerUrl=yes as well",
        )
    if options.use_proxy and not options.proxy_address:
        yield Finding(
            draft.place(UpdaterOptionsSection, "use_proxy"), "UseProxy has no proxy to use: add ProxyAddress"
        )
