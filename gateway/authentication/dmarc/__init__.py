"""DMARC: whether SPF or DKIM speak for the author (RFC 7489)."""
