"""Traces: one for the whole way of a message, a span for each step. Mail carries the trace with it.

What is not traced carries nothing, and no step of it costs anything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, TypeVar

from gateway.config.settings import Settings
from gateway.domain.errors import ConfigError
from gateway.domain.journey import Parked
from gateway.domain.mail import Mail
from gateway.domain.pipeline import Finished, Later, Onward, Outcome

Decision = TypeVar("Decision", bound=Outcome | Parked)


class Span(Protocol):
    """A step that is under way."""

    @property
    def trace(self) -> str:
        """What mail carries for the next step, "" when nobody shall follow it: a `traceparent` of W3C."""

    def end(self, result: str, *, fault: str = "") -> None:
        """The step is over, and so it ended; a `fault` is one of ours."""


class Tracer(Protocol):
    """Hands spans to whoever collects them, soon, and at no promise."""

    def begin(self, name: str, mail_id: str, trace: str = "") -> Span:
        """A step of that mail begins, in the trace that the mail carries, or in a new one."""

    async def close(self) -> None:
        """Hand over what is left, within a bounded time."""


def open_tracer(settings: Settings) -> Tracer | None:
    """Who collects, by `[gateway.traces]`; None: nobody. Raises `ConfigError` without the libraries."""
    traces = settings.traces
    if not traces.endpoint:
        return None
    try:
        from gateway.runtime.otlp import OtlpTracer
    except ModuleNotFoundError as missing:
        raise ConfigError(
            f"[gateway.traces] Endpoint: {missing.name} is not installed: install Mailwarden with its extra"
            " `traces`, or leave Endpoint empty"
        ) from missing
    return OtlpTracer(traces.endpoint, settings.network.hostname, share=traces.share / 100)


def begin_step(tracer: Tracer | None, name: str, mail: Mail) -> Span | None:
    """The span of a step, if the mail is traced."""
    return tracer.begin(name, mail.id, mail.trace) if tracer and mail.trace else None


def carried_on(decision: Decision, trace: str) -> Decision:
    """The decision, with all mail that goes on from it in that trace."""
    match decision:
        case Onward() | Later():
            onward = replace(decision.mail, trace=trace)
            return replace(decision, mail=onward, created=_in(trace, decision.created))
        case Finished():
            return replace(decision, created=_in(trace, decision.created))
    return decision


def _in(trace: str, mails: tuple[Mail, ...]) -> tuple[Mail, ...]:
    return tuple(replace(mail, trace=trace) for mail in mails)
