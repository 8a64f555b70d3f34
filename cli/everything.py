"""All services in one process and one event loop: what `smtpgw` runs over an embedded bus."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import services.antispam.__main__ as antispam
import services.api.__main__ as api
import services.receiver.__main__ as receiver
import services.scanner.__main__ as scanner
import services.sender.__main__ as sender
from gateway.runtime.process import Run, run_services

SERVICES: Mapping[str, Run] = MappingProxyType(
    {
        "receiver": receiver.run,
        "antispam": antispam.run,
        "scanner": scanner.run,
        "sender": sender.run,
        "api": api.run,
    }
)


def run_everything(config: Path) -> int:
    """Run all services until the process is told to stop; the exit code."""
    return run_services(SERVICES, config)


def main() -> int:
    """Run as the supervisor's child."""
    parser = argparse.ArgumentParser(prog="cli.everything", description="Run all services in one process.")
    parser.add_argument("-c", "--config-file", type=Path, required=True, metavar="PATH")
    return run_everything(parser.parse_args().config_file)


if __name__ == "__main__":
    sys.exit(main())
