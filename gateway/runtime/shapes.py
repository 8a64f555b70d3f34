"""Which processes make up the gateway: one for all services, or several for each."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from gateway.config.settings import Settings
from gateway.runtime.supervision import Child

MODULES = ("receiver", "antispam", "scanner", "sender", "api")
"""What a gateway consists of: the services, each of which has to beat."""

EVERYTHING = "cli.everything"
"""The program that runs all of them in one process, as an embedded bus needs it."""

_HOME = Path(__file__).parents[2]


def children(settings: Settings, config: Path, environment: Mapping[str, str]) -> tuple[Child, ...]:
    """The processes that the supervisor starts, each with `config` and in `environment`."""
    environment = with_our_code(environment)
    if urlsplit(settings.bus.url).scheme == "embedded":
        return (Child("gateway", _argv(EVERYTHING, config), environment, frozenset(MODULES)),)

    replicas: dict[str, int] = {module: getattr(settings.processes, module) for module in MODULES}
    return tuple(
        Child(
            module if count == 1 else f"{module}-{number}",
            _argv(f"services.{module}", config),
            environment,
            frozenset({module}),
        )
        for module, count in replicas.items()
        for number in range(1, count + 1)
    )


def with_our_code(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which Python looks for code first where ours was found."""
    path = filter(None, (str(_HOME), environment.get("PYTHONPATH", "")))
    return {**environment, "PYTHONPATH": ":".join(path)}


def _argv(program: str, config: Path) -> tuple[str, ...]:
    # -P: what lies in the directory where the gateway was started is not its code.
    return (sys.executable, "-P", "-m", program, "-c", str(config))
