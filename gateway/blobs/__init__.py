"""Blobs hold message bodies: immutable, named by digest."""
