"""The images and the compose file say the same, and what is asked of containers that face the network."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
SERVICES = ("receiver", "antispam", "scanner", "sender", "api")

DOCKERFILE = (PROJECT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())


def target(name: str) -> str:
    """What the Dockerfile says of one target."""
    return re.split(r"^FROM ", DOCKERFILE.partition(f"AS {name}\n")[2], flags=re.MULTILINE)[0]


@pytest.mark.parametrize("service", SERVICES)
def test_compose_states_the_command_of_the_image(service: str) -> None:
    command = json.loads(target(service).partition("CMD ")[2])

    assert COMPOSE["services"][service]["command"] == command
    assert COMPOSE["services"][service]["build"]["target"] == service


@pytest.mark.parametrize("service", [*SERVICES, "mailbox"])
def test_a_container_of_ours_has_a_read_only_root_and_no_rights(service: str) -> None:
    entry = COMPOSE["services"][service]

    assert entry["read_only"] is True
    assert entry["cap_drop"] == ["ALL"]
    assert entry["security_opt"] == ["no-new-privileges:true"]
    assert entry["tmpfs"] == ["/tmp"]


def test_the_images_run_as_an_unprivileged_account_and_say_whether_they_live() -> None:
    assert re.search(r"^USER (?!0|root)", target("gateway"), re.MULTILINE)
    assert "HEALTHCHECK" in target("gateway")


def test_the_images_hold_exactly_what_the_lock_says() -> None:
    assert "--require-hashes -r requirements.lock" in target("environment")


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_written_is_on_a_volume(service: str) -> None:
    places = {volume.partition(":")[2] for volume in COMPOSE["services"][service]["volumes"]}

    assert places == {"/var/spool/mailwarden", "/var/lib/mailwarden"}
