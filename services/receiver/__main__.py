"""Runs the receiver as a process of its own."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from functools import partial

from gateway.domain.pipeline import Module
from gateway.runtime.ids import new_id
from gateway.runtime.lifecycle import Lifecycle
from gateway.runtime.outages import Outages
from gateway.runtime.process import run_service
from gateway.runtime.wiring import Gateway, open_dns
from services.receiver.admission import Admission
from services.receiver.blocklists import BlockLists
from services.receiver.probing import Prober
from services.receiver.recipients import Recipients
from services.receiver.rules import rules_of
from services.receiver.spool import Spool
from services.receiver.worker import Receiver

NAME = "receiver"


async def run(gateway: Gateway) -> None:
    """Receive mail until the process is told to stop."""
    settings, lifecycle = gateway.settings, gateway.lifecycle
    rules = rules_of(settings)
    await gateway.storages.prepare(rules.archive)
    async with AsyncExitStack() as stack:
        dns = open_dns(settings)
        stack.push_async_callback(dns.close)
        outages = await stack.enter_async_context(Outages(gateway.records.outages, new_id()))
        lists = BlockLists(rules.black_lists, dns, outages)
        stack.push_async_callback(lists.close)
        recipients = Recipients(rules.checking, Prober(dns, rules.hostname), outages)
        stack.push_async_callback(recipients.close)
        admission = Admission(rules, dns, lists, recipients, gateway.records)
        spool = Spool(rules, gateway.bus, gateway.blobs, gateway.records, gateway.storages, new_id=new_id)
        receiver = Receiver(rules, admission, spool, partial(lifecycle.is_suspended, Module.RECEIVER))

        await receiver.listen(settings.network.listen_on, shared=settings.processes.receiver > 1)
        lifecycle.ready(NAME)
        await lifecycle.beat_while(NAME, _work(receiver, lifecycle))


async def _work(receiver: Receiver, lifecycle: Lifecycle) -> None:
    await lifecycle.stopping.wait()
    await receiver.stop()


if __name__ == "__main__":
    sys.exit(run_service(NAME, run))
