"""The parts of the RabbitMQ adapter: the connection, what lies on the broker, sending and taking."""
