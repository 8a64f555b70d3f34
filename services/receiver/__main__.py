"""Runs the receiver as a process of its own."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from functools import partial

from gateway.config.certificate import server_context
from gateway.domain.pipeline import Module
from gateway.domain.statistics import Gauge
from gateway.runtime.blocklists import BlockLists
from gateway.runtime.ids import new_id
from gateway.runtime.lifecycle import Lifecycle
from gateway.runtime.outages import Outages
from gateway.runtime.process import run_service
from gateway.runtime.wiring import Gateway, open_dns
from services.receiver.admission import Admission
from services.receiver.authenticating import Examiner
from services.receiver.door import Door
from services.receiver.greylisting import Greylist
from services.receiver.probing import Prober
from services.receiver.recipients import Recipients
from services.receiver.register import Register
from services.receiver.rules import rules_of
from services.receiver.server import House
from services.receiver.spool import Spool
from services.receiver.worker import Receiver

NAME = "receiver"


async def run(gateway: Gateway) -> None:
    """Receive mail until the process is told to stop."""
    settings, lifecycle = gateway.settings, gateway.lifecycle
    rules, is_shared = rules_of(settings), settings.processes.receiver > 1
    await gateway.storages.prepare(rules.archive)
    async with AsyncExitStack() as stack:
        dns = open_dns(settings, gateway.records.count, took=gateway.metrics.took)
        stack.push_async_callback(dns.close)
        outages = await stack.enter_async_context(Outages(gateway.records.outages, new_id()))
        lists = BlockLists(rules.black_lists, dns, outages)
        stack.push_async_callback(lists.close)
        recipients = Recipients(rules.checking, Prober(dns, rules.hostname), outages)
        stack.push_async_callback(recipients.close)
        greylist = Greylist(rules.greylisting, gateway.records.greylist, outages)
        if rules.greylists:
            await stack.enter_async_context(greylist)
        admission = Admission(rules, dns, lists, recipients, greylist, gateway.records)
        examiner = Examiner(rules.authenticating, admission.relay, dns, rules.hostname)
        await examiner.prepare()
        register = Register.shared(settings.smtpgw_path.queue_path) if is_shared else Register.alone()
        stack.callback(register.close)
        receiver = Receiver(
            House(
                rules,
                Door(rules.limits, partial(lifecycle.is_suspended, Module.RECEIVER), register),
                admission,
                Spool(
                    rules,
                    gateway.bus,
                    gateway.blobs,
                    gateway.records,
                    gateway.storages,
                    examiner,
                    new_id=new_id,
                    took=gateway.metrics.took,
                    tracer=gateway.tracer,
                ),
                gateway.records,
                server_context(settings.tls),
            )
        )

        gateway.gauges.watch(Gauge.INCOMING_CONNECTIONS, lambda: register.ours)
        receiver.listen(settings.network.listen_on, shared=is_shared)
        receiver.listen(settings.tls.listen_on, shared=is_shared, encrypted=True)
        lifecycle.ready(NAME)
        await lifecycle.beat_while(NAME, _work(receiver, lifecycle))


async def _work(receiver: Receiver, lifecycle: Lifecycle) -> None:
    await lifecycle.stopping.wait()
    await receiver.stop()


if __name__ == "__main__":
    sys.exit(run_service(NAME, run))
