"""The alerts of `deploy/prometheus`, each asked by `promtool` when it comes and when it does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.prometheus import promtool

ALERTS = Path(__file__).parents[3] / "deploy" / "prometheus" / "alerts.yml"
RULES: dict[str, Any] = {
    rule["alert"]: rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
}
JOB = 'job="mailwarden",instance="a:9465"'
DAY = 86400

Series = Mapping[str, str]  # in promtool's notation: a value, or `start+step x times`, a minute apart


@dataclass(frozen=True)
class Case:
    """When an alert comes, after how many minutes, and what it says then; and when it does not."""

    alert: str
    when: Series
    minutes: int
    summary: str
    not_when: Series
    labels: Mapping[str, str] = field(default_factory=dict)


INSTANCE = {"job": "mailwarden", "instance": "a:9465"}

CASES = [
    Case(
        "MailwardenDown",
        {f"up{{{JOB}}}": "1 0x10"},
        5,
        "a:9465 does not answer",
        {f"up{{{JOB}}}": "1 0 1x10"},
        INSTANCE,
    ),
    Case(
        "MailwardenRestarts",
        {f"process_start_time_seconds{{{JOB}}}": "100 200 300 400 500 500x30"},
        20,
        "a:9465 was started 4 times within half an hour",
        {f"process_start_time_seconds{{{JOB}}}": "100 200x40"},
        INSTANCE,
    ),
    Case(
        "MailwardenNotReady",
        {
            f'mailwarden_ready{{{JOB},world="bus"}}': "1 0x10",
            f'mailwarden_ready{{{JOB},world="blobs"}}': "1x10",
        },
        8,
        "a:9465 cannot reach its bus",
        {f'mailwarden_ready{{{JOB},world="bus"}}': "1 0 0 1x10"},
        {"instance": "a:9465", "world": "bus"},
    ),
    Case(
        "MailStuck",
        {
            'mailwarden_stage_waiting_mails{stage="scanner",instance="a"}': "5x40",
            'mailwarden_stage_mails_total{stage="scanner",result="onward",instance="b"}': "7x40",
        },
        30,
        "Mail waits for the scanner, which has done nothing for ten minutes",
        {
            'mailwarden_stage_waiting_mails{stage="scanner",instance="a"}': "5x40",
            'mailwarden_stage_mails_total{stage="scanner",result="onward",instance="b"}': "7+1x40",
        },
        {"stage": "scanner"},
    ),
    Case(
        "MailParked",
        {'mailwarden_queue_mails{state="parked"}': "0 2x10"},
        8,
        "2 mails are parked",
        {'mailwarden_queue_mails{state="parked"}': "0x10", 'mailwarden_queue_mails{state="QUE"}': "9x10"},
    ),
    Case(
        "FilteringLate",
        {'mailwarden_queue_age_seconds{state="WFC"}': "1200x10"},
        8,
        "Mail waits to be filtered for 20m 0s",
        {
            'mailwarden_queue_age_seconds{state="WFC"}': "800x10",
            'mailwarden_queue_age_seconds{state="QUE"}': "9999x10",
        },
        {"state": "WFC"},
    ),
    Case(
        "QueueLarge",
        {'mailwarden_stage_waiting_mails{stage="sender"}': "20000x20"},
        18,
        "20000 mails are ready for the sender",
        {'mailwarden_stage_waiting_mails{stage="sender"}': "9000x20"},
        {"stage": "sender"},
    ),
    Case(
        "DeliveryLate",
        {'mailwarden_queue_age_seconds{state="QUE"}': "18000x20"},
        18,
        "The oldest mail waits for delivery for 5h 0m 0s",
        {'mailwarden_queue_age_seconds{state="QUE"}': "14000x20"},
    ),
    Case(
        "EngineDown",
        {'mailwarden_outages{kind="clamd"}': "0 1x10"},
        5,
        "clamd cannot be asked",
        {'mailwarden_outages{kind="clamd"}': "0 1 0x10"},
    ),
    Case(
        "BlockListOutOfOrder",
        {'mailwarden_outages{kind="block list"}': "2x20"},
        18,
        "2 DNS black lists are out of order",
        {'mailwarden_outages{kind="block list"}': "2x10 0x10"},
    ),
    Case(
        "NextHopOutOfOrder",
        {'mailwarden_outages{kind="next hop"}': "1x20"},
        15,
        "A next hop cannot say which recipients exist",
        {'mailwarden_outages{kind="next hop"}': "0x20"},
    ),
    Case(
        "DatabasesOld",
        {'mailwarden_bases_made_timestamp_seconds{family="av"}': f"0x{5 * 24 * 60}"},
        4 * 24 * 60,
        "The databases av are 4d 0h 0m 0s old",
        {'mailwarden_bases_made_timestamp_seconds{family="av"}': f"0+60x{5 * 24 * 60}"},
        {"family": "av"},
    ),
    Case(
        "DatabasesNeverUpdated",
        {"mailwarden_licence_end_timestamp_seconds": f"{400 * DAY}x{3 * 24 * 60}"},
        2 * 24 * 60,
        "The gateway works with the databases that came with it",
        {
            "mailwarden_licence_end_timestamp_seconds": f"{400 * DAY}x{3 * 24 * 60}",
            'mailwarden_bases_made_timestamp_seconds{family="av"}': f"0+60x{3 * 24 * 60}",
        },
    ),
    Case(
        "LicenceEndsSoon",
        {"mailwarden_licence_end_timestamp_seconds": f"{8 * DAY}x{2 * 24 * 60}"},
        24 * 60,
        "The licence is good for 7 more days",
        {"mailwarden_licence_end_timestamp_seconds": f"{20 * DAY}x{2 * 24 * 60}"},
    ),
    Case(
        "LicenceEnded",
        {"mailwarden_licence_end_timestamp_seconds": "0x10"},
        5,
        "There is no licence in force",
        {"mailwarden_licence_end_timestamp_seconds": "9000x10"},
    ),
    Case(
        "ScanningSuspended",
        {'mailwarden_module_suspended{module="scanning"}': "1x10"},
        8,
        "Mail passes without being looked at",
        {
            'mailwarden_module_suspended{module="scanning"}': "0x10",
            'mailwarden_module_suspended{module="sender"}': "1x10",
        },
    ),
    Case(
        "ModuleSuspended",
        {'mailwarden_module_suspended{module="sender"}': "1x40"},
        35,
        "The sender is suspended",
        {'mailwarden_module_suspended{module="sender"}': "1x20 0x20"},
        {"module": "sender"},
    ),
    Case(
        "CoverageLow",
        {
            'mailwarden_unscanned_objects_total{cause="limit"}': "0+1x60",
            'mailwarden_scanned_objects_total{status="clean"}': "0+9x60",
            'mailwarden_scanned_objects_total{status="error"}': "0+1x60",
        },
        50,
        "10% of objects could not be looked at",
        {
            'mailwarden_unscanned_objects_total{cause="encrypted"}': "0+1x60",
            'mailwarden_scanned_objects_total{status="clean"}': "0+9x60",
        },
    ),
    Case(
        "RoomShort",
        {"mailwarden_blobs_free_bytes": f"{2 << 30}x20"},
        15,
        "Room for 2GiB of mail is left",
        {"mailwarden_blobs_free_bytes": f"{50 << 30}x20"},
    ),
    Case(
        "RoomGone",
        {"mailwarden_blobs_free_bytes": f"{512 << 20}x20"},
        15,
        "Room for 512MiB of mail is left",
        {"mailwarden_blobs_free_bytes": f"{2 << 30}x20"},
    ),
    Case(
        "ErrorsInTheLog",
        {'mailwarden_log_lines_total{level="error",instance="a:9465"}': "0+60x40"},
        30,
        "a:9465 writes 1 errors a second into its log",
        {
            'mailwarden_log_lines_total{level="error",instance="a:9465"}': "0+1x40",
            'mailwarden_log_lines_total{level="warning",instance="a:9465"}': "0+60x40",
        },
        {"instance": "a:9465"},
    ),
    Case(
        "BounceSurge",
        {
            "mailwarden_failed_recipients_total": "0+10x60",
            "mailwarden_sent_recipients_total": "0+10x60",
        },
        50,
        "50% of deliveries fail for good",
        {
            "mailwarden_failed_recipients_total": "0+1x60",
            "mailwarden_sent_recipients_total": "0+1x60",
        },
    ),
    Case(
        "ReceivingSlow",
        {
            'mailwarden_stage_seconds_bucket{stage="receiver",le="10"}': "0x60",
            'mailwarden_stage_seconds_bucket{stage="receiver",le="30"}': "0+10x60",
            'mailwarden_stage_seconds_bucket{stage="receiver",le="+Inf"}': "0+10x60",
        },
        50,
        "Clients wait 29s for the answer to a message",
        {
            'mailwarden_stage_seconds_bucket{stage="receiver",le="10"}': "0+10x60",
            'mailwarden_stage_seconds_bucket{stage="receiver",le="30"}': "0+10x60",
            'mailwarden_stage_seconds_bucket{stage="receiver",le="+Inf"}': "0+10x60",
        },
    ),
]


def test_every_alert_is_tried() -> None:
    assert [case.alert for case in CASES] == list(RULES)


def test_every_alert_says_how_soon_and_what_to_do() -> None:
    for name, rule in RULES.items():
        assert rule["labels"]["severity"] in ("critical", "warning"), name
        assert rule["annotations"].keys() == {"summary", "description"}, name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_comes_when_it_should_and_not_otherwise(case: Case, tmp_path: Path) -> None:
    rule = RULES[case.alert]
    told = {
        "exp_labels": {**rule["labels"], **case.labels},
        "exp_annotations": {**rule["annotations"], "summary": case.summary},
    }
    tests = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "1m",
        "tests": [_trial(case, case.when, [told]), _trial(case, case.not_when, [])],
    }
    (tmp_path / "tests.yml").write_text(json.dumps(tests))

    answer = promtool("test", "rules", tmp_path / "tests.yml")

    assert answer.returncode == 0, answer.stdout + answer.stderr


def _trial(case: Case, series: Series, expected: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"eval_time": f"{case.minutes}m", "alertname": case.alert, "exp_alerts": expected}
        ],
    }
