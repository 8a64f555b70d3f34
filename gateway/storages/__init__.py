"""Storages: where copies of mail are kept for people, apart from the queue and its bodies."""
