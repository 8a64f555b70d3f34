"""SPF: which clients may send for a domain (RFC 7208)."""
