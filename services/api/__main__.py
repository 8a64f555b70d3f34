"""Builds the API and runs it."""

from __future__ import annotations

import sys

from gateway.config.certificate import api_context
from gateway.domain.endpoint import HostPort
from gateway.runtime.monitoring import tell_of_the_gateway
from gateway.runtime.process import run_service
from gateway.runtime.wiring import Gateway
from services.api.app import make_app
from services.api.server import bind, serve_app


async def run(gateway: Gateway) -> None:
    """Answer over HTTP until the process stops. Without an address to listen on there is nobody to answer."""
    tell_of_the_gateway(gateway)
    listen = gateway.settings.api.listen
    serving = _answer(gateway, listen) if listen else _wait(gateway)
    await gateway.lifecycle.beat_while("api", serving)


async def _answer(gateway: Gateway, listen: HostPort) -> None:
    app, tls = make_app(gateway), api_context(gateway.settings.api)
    lifecycle = gateway.lifecycle
    with bind(listen) as bound:
        await serve_app(app, bound, lifecycle.stopping, tls=tls, ready=lambda: lifecycle.ready("api"))


async def _wait(gateway: Gateway) -> None:
    gateway.lifecycle.ready("api")
    await gateway.lifecycle.stopping.wait()


if __name__ == "__main__":
    sys.exit(run_service("api", run))
