"""ARC: the chain of those who passed a message on (RFC 8617)."""
