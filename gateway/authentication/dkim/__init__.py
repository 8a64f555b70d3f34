"""DKIM: signatures of domains over messages (RFC 6376, RFC 8301, RFC 8463), and what ARC shares with it."""
