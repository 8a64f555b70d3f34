"""What the gateway tells of itself in numbers, for Prometheus: the catalogue of them, and their pages."""
