"""A collector of traces in a thread: it takes OTLP by HTTP, and remembers the spans."""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class CollectedSpan:
    """One step, as it was told."""

    name: str
    trace: bytes
    id: bytes
    parent: bytes  # b"" is none
    facts: dict[str, str]
    fault: str


class Collector:
    """Listens on a free port of the loopback. As a context."""

    def __init__(self) -> None:
        self.spans: list[CollectedSpan] = []
        self.paths: set[str] = set()
        self.services: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector._take(self.path, body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def of_trace_with(self, mail_id: str) -> list[CollectedSpan]:
        """All spans of the trace that has a step of that mail."""
        traces = {span.trace for span in self.spans if span.facts["mailwarden.mail_id"] == mail_id}
        return [span for span in self.spans if span.trace in traces]

    def __enter__(self) -> Collector:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, path: str, body: bytes) -> None:
        self.paths.add(path)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            attributes = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.services.add(attributes["service.name"])
            self.spans += (
                CollectedSpan(
                    span.name,
                    span.trace_id,
                    span.span_id,
                    span.parent_span_id,
                    {each.key: each.value.string_value for each in span.attributes},
                    span.status.message,
                )
                for scope in resource.scope_spans
                for span in scope.spans
            )
