"""The version of the gateway, as it names itself in headers, listings and the API."""

from __future__ import annotations

VERSION = "0.1.0"
