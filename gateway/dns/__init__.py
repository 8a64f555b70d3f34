"""DNS: what the gateway asks of it, and the client that asks."""
