"""Runs the sender as a process of its own."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from datetime import timedelta

from gateway.config.settings import Settings
from gateway.dns.port import Dns
from gateway.domain.pipeline import Stage
from gateway.domain.statistics import Gauge
from gateway.runtime.clock import utc_now
from gateway.runtime.housekeeping import keep_house
from gateway.runtime.process import run_service
from gateway.runtime.serve import serve
from gateway.runtime.templates import DSN, load_template
from gateway.runtime.wiring import Gateway, open_dns
from services.sender.carrier import Carrier
from services.sender.connections import Connections, Limits
from services.sender.greeter import Greeter
from services.sender.https import Https
from services.sender.notices import Site
from services.sender.ourselves import Ourselves
from services.sender.protecting import Protector
from services.sender.reporter import Reporter
from services.sender.resolving import Resolver
from services.sender.routing import RoutingTable
from services.sender.security import TlsRules
from services.sender.session import Timeouts
from services.sender.stspolicies import StsPolicies
from services.sender.tls import TlsContexts
from services.sender.worker import Rules, SenderWorker


async def run(gateway: Gateway) -> None:
    """Deliver mail until the process is told to stop, and clear away what mail has left behind."""
    settings = gateway.settings
    contexts = contexts_of(settings)
    reporter = Reporter(gateway.blobs, site_of(settings), utc_now, count=gateway.records.count)
    async with AsyncExitStack() as stack:
        dns = open_dns(
            settings, gateway.records.count, took=gateway.metrics.took, validating=settings.tls.dane
        )
        stack.push_async_callback(dns.close)
        greeter = Greeter(settings.network.hostname, timeouts_of(settings), contexts)
        records = gateway.records
        connections = Connections(greeter.meet, limits_of(settings), count=records.count, reach=records.reach)
        stack.push_async_callback(connections.close)
        gateway.gauges.watch(Gauge.OUTGOING_CONNECTIONS, lambda: connections.open)
        carrier = Carrier(
            Resolver(dns, ourselves_of(settings), count=gateway.records.count),
            protector_of(settings, contexts, dns, stack),
            connections,
            unreachable_ttl=settings.resolve.unreachable_ttl,
            unreachable_purge=settings.resolve.unreachable_cache_refresh_period,
            count=records.count,
            tries_again=lambda: gateway.orders.tries_again,
        )
        await gateway.storages.prepare(settings.outgoing_archive)
        worker = SenderWorker(
            *(carrier, gateway.blobs, gateway.records, rules_of(settings), reporter),
            *(gateway.storages, settings.outgoing_archive),
            now=utc_now,
        )
        keeping_house = asyncio.create_task(keep_house(gateway))
        stack.callback(keeping_house.cancel)
        await serve(Stage.SENDER, worker, gateway)


def contexts_of(settings: Settings) -> TlsContexts:
    """What TLS needs. Raises `ConfigError` when authorities that are named cannot be read."""
    contexts = TlsContexts(settings.tls.minimum_version)
    for authorities in (
        str(settings.tls.ca_file or ""),
        *(rule.authorities for rule in settings.tls.tls_rule),
    ):
        if authorities:
            contexts.verifying(authorities)
    return contexts


def protector_of(settings: Settings, contexts: TlsContexts, dns: Dns, stack: AsyncExitStack) -> Protector:
    """Which security hosts have to offer; `stack` closes what asks them."""
    authorities = str(settings.tls.ca_file or "")
    rules = TlsRules(tls=settings.tls.tls, authorities=authorities, rules=settings.tls.tls_rule)
    policies = None
    if settings.tls.mta_sts:
        https = Https(dns, contexts.verifying(authorities))
        stack.push_async_callback(https.close)
        policies = StsPolicies(dns, https.fetch)
    return Protector(rules, policies=policies, validating=dns if settings.tls.dane else None)


def site_of(settings: Settings) -> Site:
    """Who reports. Raises `ConfigError` when the template is wrong."""
    template = load_template(settings.options.dsn_template, DSN)
    lifetime = timedelta(days=settings.timeouts.maximal_queue_lifetime)
    return Site(settings.network.hostname, settings.network.postmaster, template, lifetime)


def rules_of(settings: Settings) -> Rules:
    """Where mail goes, and how long it is tried."""
    timeouts = settings.timeouts
    return Rules(
        routes=RoutingTable(settings.forward.forward_route),
        minimal_backoff=timedelta(seconds=timeouts.minimal_backoff_time),
        maximal_backoff=timedelta(seconds=timeouts.maximal_backoff_time),
        lifetime=timedelta(days=timeouts.maximal_queue_lifetime),
        delay_after=timedelta(seconds=settings.dsn.delay_after) if settings.dsn.delay_after else None,
        delays_unasked=settings.dsn.delay_unasked,
    )


def ourselves_of(settings: Settings) -> Ourselves:
    """By what the gateway is reached."""
    network = settings.network
    return Ourselves(network.hostname, listens=network.listen_on, addresses=settings.delivery.own_address)


def limits_of(settings: Settings) -> Limits:
    """How many connections there may be."""
    limits = settings.limits
    return Limits(total=limits.outgoing_sessions, per_host=limits.maximal_outgoing_sessions_per_host)


def timeouts_of(settings: Settings) -> Timeouts:
    """How long hosts may take."""
    timeouts = settings.timeouts
    return Timeouts(
        initial=timeouts.sending_initial_timeout,
        hello=timeouts.sending_hello_timeout,
        mail=timeouts.sending_mail_timeout,
        rcpt=timeouts.sending_rcpt_timeout,
        data_initiation=timeouts.sending_data_initiation_timeout,
        data_termination=timeouts.sending_data_termination_timeout,
        quit=timeouts.sending_quit_timeout,
        write=timeouts.write_timeout,
    )


if __name__ == "__main__":
    sys.exit(run_service("sender", run))
