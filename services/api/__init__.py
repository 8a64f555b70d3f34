"""The control plane: answers over HTTP about mail, queues and the state of the gateway."""
