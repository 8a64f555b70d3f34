"""The page `docs/reference/metrics.md`, made from the catalogue: `python -m gateway.metrics.reference`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from gateway.bases.catalogue import Family as BasesFamily
from gateway.config.sections.gateway import METRICS_PORT
from gateway.domain.pipeline import Module, QueueState, Stage
from gateway.metrics.catalogue import (
    BASES_MADE,
    BASES_RECORDS,
    BUILD,
    COUNTERS,
    IN_HAND,
    LOG_LINES,
    OF_PROCESSES,
    OF_THE_GATEWAY,
    OTHER,
    OUTAGES,
    QUEUE,
    QUEUE_AGE,
    READY,
    SESSIONS,
    SESSIONS_OF,
    SUSPENDED,
    TIMES,
    WAITING,
    Counted,
)
from gateway.metrics.family import Family
from gateway.metrics.levels import OUTAGE_KINDS
from gateway.metrics.metrics import BOUNDS
from gateway.records.port import PARKED

INTRODUCTION = f"""\
# Metrics, health and traces

<!-- Made by `python -m gateway.metrics.reference` from gateway/metrics/catalogue.py. -->

Each process of the gateway tells of itself at `[gateway.metrics] Listen`, by HTTP and without a token. No
page has an address, a subject or any other content of mail, and labels have the values below alone. Still,
let nobody but your monitoring reach it. By default the pages are off; `make run` and the examples have them
at port {METRICS_PORT} of the loopback.

| path | answer |
|---|---|
| `/healthz` | `200` while the process lives: its event loop answers |
| `/readyz` | `200` when it can work, else `503` with a `status` |
| `/metrics` | the numbers below, in the text format of Prometheus |

The `status` is `starting`, `draining` after the process was told to stop, or `not ready`: then `silent`
names the worlds that do not answer, `bus`, `blobs`, `records`, or `engines` of a scanner with `clamd`, and
the log says why. The health routes of the [API](api.md) answer the same.

Answers are good for a second: probes, however many, ask the worlds once. A world has five seconds to
answer; numbers that it would have to tell are left out, so a scrape never fails for it.

## Where they are

* One machine, one process (`embedded:`): all numbers are at `Listen`.
* One machine, a pipeline (`amqp://`): `smtpgw` gives each process the port behind that of the one before,
  in the order receiver, antispam, scanner, sender, api, each as often as `[gateway.processes]` says. With
  one of each and `Listen=127.0.0.1:{METRICS_PORT}` the receiver is at {METRICS_PORT} and the API at
  {METRICS_PORT + 4}.
* Containers: each has its own address, and the same port.

What is true of all processes together (queue, outages, licence, databases) is told by those with the API.
Where several tell it, take `max`.

## See them in a graph

`make run` starts a gateway with its metrics on. With Prometheus installed (`apt-get install prometheus`),
from another terminal:

    prometheus --config.file=deploy/prometheus/one-machine.yml \\
        --storage.tsdb.path=var/prometheus --web.listen-address=127.0.0.1:9090

Send mail (`make demo`), open http://127.0.0.1:9090/graph and ask for `mailwarden_received_messages_total`.
In `deploy/prometheus/` there are also configurations for a pipeline on one machine and for the compose
file, and the alerts; `deploy/grafana/` has dashboards to import. `docker compose --profile monitoring up`
starts Prometheus and Grafana with all of that.

## Traces

With `[gateway.traces] Endpoint`, the URL of a collector that speaks OTLP over HTTP, each message has a
trace: the receiver's step from the end of the message to its answer, and below it one step for each stage
that has a copy of it, with the id of the mail (`mailwarden.mail_id`) and what became of it
(`mailwarden.result`). A try of the sender that did not work is the parent of the next one. `Share` has only
some messages traced. Off, it costs nothing. The libraries come with the extra `traces`, which the images
have.

## Counters

They rise from the start of a process on, and are what the statistics store: a line of the log about mail
and its counter are written by the same function. Mail that is looked at twice, after a crash, counts twice.
"""

TIMES_TEXT = f"""
## Times

Histograms in seconds, with the bounds {", ".join(f"{bound:g}" for bound in BOUNDS)}.
"""

_VALUES: dict[tuple[Family, str], Iterable[str]] = {
    (SESSIONS, "kind"): SESSIONS_OF.values(),
    (IN_HAND, "stage"): Stage,
    (BUILD, "service"): ("receiver", "antispam", "scanner", "sender", "api"),
    (BUILD, "version"): (),
    (READY, "world"): ("bus", "blobs", "records", "engines"),
    (LOG_LINES, "level"): ("warning", "error", "critical"),
    (QUEUE, "state"): (*QueueState, PARKED),
    (QUEUE_AGE, "state"): (*QueueState, PARKED),
    (WAITING, "stage"): Stage,
    (SUSPENDED, "module"): Module,
    (OUTAGES, "kind"): (*OUTAGE_KINDS, OTHER),
    (BASES_MADE, "family"): BasesFamily,
    (BASES_RECORDS, "family"): BasesFamily,
}
"""What labels of gauges can be; those of counters and times stand in the catalogue."""


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    yield from _table((counted.family, _labels_of(counted)) for counted in COUNTERS)
    yield TIMES_TEXT
    yield from _table(
        (family, _described(family, [labels for labels, _ in timings])) for family, timings in TIMES.items()
    )
    yield "\n## Of each process\n"
    yield from _table((family, _values_of(family)) for family in OF_PROCESSES)
    yield "\n## Of the gateway\n\nTold by the processes with the API.\n"
    yield from _table((family, _values_of(family)) for family in OF_THE_GATEWAY)


def _table(rows: Iterable[tuple[Family, str]]) -> Iterator[str]:
    yield "| name | type | labels | meaning |"
    yield "|---|---|---|---|"
    for family, labels in rows:
        yield f"| `{family.name}` | {family.kind} | {labels} | {family.meaning} |"


def _labels_of(counted: Counted) -> str:
    rest = [(OTHER,)] if counted.among else []
    return _described(counted.family, [*counted.of, *rest])


def _described(family: Family, values: Iterable[tuple[str, ...]]) -> str:
    columns = zip(*values, strict=True) if family.labels else ()
    return "; ".join(_label(label, given) for label, given in zip(family.labels, columns, strict=True))


def _values_of(family: Family) -> str:
    return "; ".join(_label(label, _VALUES[family, label]) for label in family.labels)


def _label(label: str, values: Iterable[str]) -> str:
    told = ", ".join(f"`{value}`" for value in dict.fromkeys(values))
    return f"`{label}`: {told}" if told else f"`{label}`"


if __name__ == "__main__":
    sys.stdout.write(page())
