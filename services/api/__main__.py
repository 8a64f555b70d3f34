"""Builds the API and runs it."""

from __future__ import annotations

import sys

from gateway.domain.endpoint import HostPort
from gateway.runtime.monitoring import tell_of_the_gateway
from gateway.runtime.process import run_service
from gateway.runtime.wiring import Gateway
from services.api.app import make_app
from services.api.server import bind, serve_app
from services.api.tokens import TokenFile


async def run(gateway: Gateway) -> None:
    """Answer over HTTP until the process stops. Without an address to listen on there is nobody to answer."""
    tell_of_the_gateway(gateway)
    listen = gateway.settings.api.listen
    serving = _answer(gateway, listen) if listen else _wait(gateway)
    await gateway.lifecycle.beat_while("api", serving)


async def _answer(gateway: Gateway, listen: HostPort) -> None:
    tokens = TokenFile(gateway.settings.api.token_file)
    bases = gateway.settings.path.bases_path
    app = make_app(
        *(gateway.bus, gateway.blobs, gateway.records, gateway.licensing, tokens, bases),
        readiness=gateway.readiness,
    )
    lifecycle = gateway.lifecycle
    with bind(listen) as bound:
        await serve_app(app, bound, lifecycle.stopping, ready=lambda: lifecycle.ready("api"))


async def _wait(gateway: Gateway) -> None:
    gateway.lifecycle.ready("api")
    await gateway.lifecycle.stopping.wait()


if __name__ == "__main__":
    sys.exit(run_service("api", run))
