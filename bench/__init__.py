"""Benchmarks of the whole way of a message: generator, gateway, sink. Never part of the tests."""
