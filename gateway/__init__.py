"""What all services share: domain, outside worlds, configuration, and the loop that runs a stage."""
