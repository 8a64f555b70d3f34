"""What sources of rules and of digests have in common."""

from __future__ import annotations

THREAT_NAME = r"[!-~]+"
"""What a threat may be called: it is logged, and stands in notices and placeholders."""
