"""Traces over OpenTelemetry's protocol (OTLP, by HTTP). Only this module knows its libraries.

Spans wait in a bounded queue for a thread of their own; what a collector that is away does not take is lost.
"""

from __future__ import annotations

import asyncio
import logging

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.version import VERSION

EXPORT_SECONDS = 5.0
"""For the collector to take spans."""

CLOSE_SECONDS = 8.0
"""For the last of them, when the process ends."""

MOST_WAITING = 4096
"""Spans that wait; what comes then is lost."""

_PATH = "v1/traces"
"""Where a collector takes them, below its endpoint (OTLP 1.0, "OTLP/HTTP Request")."""

_CARRIED = "traceparent"
_propagator = TraceContextTextMapPropagator()

_log = logging.getLogger(__name__)


class OtlpSpan:
    """A step that is under way."""

    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    @property
    def trace(self) -> str:
        """What mail carries for the next step; "" when the trace is none of the share that is told."""
        if not self._span.is_recording():
            return ""
        carrier: dict[str, str] = {}
        _propagator.inject(carrier, set_span_in_context(self._span))
        return carrier[_CARRIED]

    def end(self, result: str, *, fault: str = "") -> None:
        """The step is over."""
        self._span.set_attribute("mailwarden.result", result)
        if fault:
            self._span.set_status(Status(StatusCode.ERROR, fault))
        self._span.end()


class OtlpTracer:
    """Tells a collector of a share of all messages."""

    def __init__(self, endpoint: str, host: str, *, share: float) -> None:
        """`endpoint` is the URL of the collector, `host` what the gateway is called, `share` from 0 to 1."""
        resource = Resource({"service.name": "mailwarden", "service.version": VERSION, "host.name": host})
        self._provider = TracerProvider(
            ParentBased(TraceIdRatioBased(share)), resource, shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/{_PATH}", timeout=EXPORT_SECONDS)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=MOST_WAITING, schedule_delay_millis=1000)
        )
        self._tracer = self._provider.get_tracer("mailwarden", VERSION)

    def begin(self, name: str, mail_id: str, trace: str = "") -> OtlpSpan:
        """A step of that mail begins."""
        before = _propagator.extract({_CARRIED: trace}) if trace else None
        kind = SpanKind.CONSUMER if trace else SpanKind.SERVER
        return OtlpSpan(
            self._tracer.start_span(name, before, kind, attributes={"mailwarden.mail_id": mail_id})
        )

    async def close(self) -> None:
        """Hand over what is left, within a bounded time."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.to_thread(self._provider.shutdown)
        except TimeoutError:
            _log.warning("the collector of traces did not take the last of them in time")
