"""What can go wrong, told apart by who has to do something about it.

* GatewayError
  - TemporaryFailure   nobody: the mail waits and is tried again
  - PermanentFailure   the sender: a bounce says why
  - ConfigError        the operator: the message names the file, the place and the remedy

Anything else is a fault of our own: it parks the mail and is logged once, with its traceback.
"""


class GatewayError(Exception):
    """A failure that the gateway expects and has an answer to."""


class TemporaryFailure(GatewayError):
    """Something outside cannot do its part now: the same step may work later."""


class PermanentFailure(GatewayError):
    """The mail as it is can never go on: its sender has to be told."""


class ConfigError(GatewayError):
    """The operator has to change something before the gateway can run."""
