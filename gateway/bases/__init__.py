"""Databases: sets that never change, switched as a whole, and watched by every process that uses them."""
