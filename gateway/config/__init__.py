"""The configuration: the file of the manual as typed, immutable settings."""
