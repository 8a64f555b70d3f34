"""What runs the services: the one stage loop, the wiring, the life of a process, the log."""
