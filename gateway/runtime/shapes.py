"""Which processes make up the gateway: one for all services, or several for each."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from itertools import count, repeat
from pathlib import Path
from urllib.parse import urlsplit

from gateway.config.environment import variable_name
from gateway.config.sections.gateway import MetricsSection
from gateway.config.settings import Settings
from gateway.domain.endpoint import HostPort
from gateway.runtime.supervision import Child

MODULES = ("receiver", "antispam", "scanner", "sender", "api")
"""What a gateway consists of: the services, each of which has to beat."""

EVERYTHING = "cli.everything"
"""The program that runs all of them in one process, as an embedded bus needs it."""

METRICS_LISTEN = variable_name(MetricsSection.heading, "Listen")
"""The variable by which each process of the pipeline is given a place of its own for its pages."""

_HOME = Path(__file__).parents[2]


def children(settings: Settings, config: Path, environment: Mapping[str, str]) -> tuple[Child, ...]:
    """The processes that the supervisor starts, each with `config` and in `environment`."""
    environment = with_our_code(environment)
    if urlsplit(settings.bus.url).scheme == "embedded":
        return (Child("gateway", _argv(EVERYTHING, config), environment, frozenset(MODULES)),)

    places = _places(settings.metrics.listen)
    replicas: dict[str, int] = {module: getattr(settings.processes, module) for module in MODULES}
    return tuple(
        Child(
            module if replicas[module] == 1 else f"{module}-{number}",
            _argv(f"services.{module}", config),
            {**environment, **next(places)},
            frozenset({module}),
        )
        for module, processes in replicas.items()
        for number in range(1, processes + 1)
    )


def _places(first: HostPort | None) -> Iterator[Mapping[str, str]]:
    """Where the processes have their pages for monitoring: each at the port behind that of the one before."""
    if first is None:
        yield from repeat({})
    else:
        for port in count(first.port):
            yield {METRICS_LISTEN: str(HostPort(first.host, port))}


def with_our_code(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which Python looks for code first where ours was found."""
    path = filter(None, (str(_HOME), environment.get("PYTHONPATH", "")))
    return {**environment, "PYTHONPATH": ":".join(path)}


def _argv(program: str, config: Path) -> tuple[str, ...]:
    # -P: what lies in the directory where the gateway was started is not its code.
    return (sys.executable, "-P", "-m", program, "-c", str(config))
