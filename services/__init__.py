"""One package for each process of the gateway. Services never import each other: they meet on the bus."""
