"""Runs the receiver as a process of its own."""

from __future__ import annotations

import sys
from contextlib import closing
from functools import partial

from gateway.config.certificate import server_context
from gateway.domain.pipeline import Module
from gateway.runtime.ids import new_id
from gateway.runtime.lifecycle import Lifecycle
from gateway.runtime.process import run_service
from gateway.runtime.wiring import Gateway
from services.receiver.register import Register
from services.receiver.rules import rules_of
from services.receiver.spool import Spool
from services.receiver.worker import Receiver

NAME = "receiver"


async def run(gateway: Gateway) -> None:
    """Receive mail until the process is told to stop."""
    settings, lifecycle = gateway.settings, gateway.lifecycle
    rules, is_shared = rules_of(settings), settings.processes.receiver > 1
    spool = Spool(rules, gateway.bus, gateway.blobs, gateway.records, new_id=new_id)
    tls = server_context(settings.tls)
    with closing(
        Register.shared(settings.smtpgw_path.queue_path) if is_shared else Register.alone()
    ) as register:
        suspended = partial(lifecycle.is_suspended, Module.RECEIVER)
        receiver = Receiver(rules, spool, gateway.records, suspended, register=register, tls=tls)
        receiver.listen(settings.network.listen_on, shared=is_shared)
        receiver.listen(settings.tls.listen_on, shared=is_shared, encrypted=True)
        lifecycle.ready(NAME)
        await lifecycle.beat_while(NAME, _work(receiver, lifecycle))


async def _work(receiver: Receiver, lifecycle: Lifecycle) -> None:
    await lifecycle.stopping.wait()
    await receiver.stop()


if __name__ == "__main__":
    sys.exit(run_service(NAME, run))
