"""How the queue and storage tools show mail: the manual's lines, each on one line whatever the mail holds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from email.utils import format_datetime

from gateway.runtime.logs import one_line

HEADING = "--QueueID--Status-Size-------ArrivalTime---------------Sender.../Recipient..."

NOBODY = "-"
"""Stands for the address of the client of mail that the gateway made itself."""


def line_of(
    mail_id: str,
    status: str,
    size: int,
    arrived: datetime,
    client_ip: str,
    sender: str,
    recipients: Iterable[str],
) -> str:
    """`ID STATUS SIZE DATE IP <SENDER> -> <RECIPIENT>`, size in bytes, recipients parted by commas."""
    to = ", ".join(map(_angled, recipients))
    facts = f"{mail_id} {status} {size} {format_datetime(arrived)} {client_ip or NOBODY}"
    return f"{facts} {_angled(sender)} -> {to}"


def _angled(address: str) -> str:
    return f"<{one_line(address)}>"
