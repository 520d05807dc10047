"""What each fault of the shop must lead to: written from the fault, before anything was run.

Services are watched one by one, each with a shop of its own behind it, so that one fault does not
disturb the expectation of another. `severity` follows from the documents: without an SLOPolicy at
most High, within the SLO Informational, a breach Critical, and a pattern's own highest severity.
"""

from __future__ import annotations

from anomaly_operator.incidents.state import Resolution
from benchmarks.patterns.shop_data import Column, Lost, Pinned, Scaled, shop_with
from benchmarks.patterns.shop_faults import fading, fast, ills, leak
from benchmarks.patterns.shop_row import (
    CLOSED,
    ESCALATED,
    EXPIRED,
    OPENED,
    RECOVERING,
    RELAPSED,
    REOPENED,
    UPDATED,
    Row,
    Watch,
)
from detector_runtime.contract.vocabulary import Severity, SLOStatus

END = 60
"""The story's last window."""

TABLE: tuple[Watch, ...] = (
    Watch(
        "payments-errors",
        "payments",
        (
            *ills("payments", 8, 13, errors=0.03),
            *ills("payments", 14, 20, errors=0.3),
            *ills("payments", 40, 50, errors=0.03),
        ),
        (
            Row("3 % of requests fail, after six minutes 30 %", 8, 10, "error_rate_critical",
                SLOStatus.BREACHED, Severity.CRITICAL, Severity.HIGH, ("error_rate_elevated",),
                (OPENED, ESCALATED, RECOVERING, CLOSED)),
            Row("3 % of requests fail", 40, 42, "error_rate_elevated", SLOStatus.ELEVATED),
        ),
        policy="shop",
    ),
    Watch(
        "payments-fast",
        "payments",
        (*fast("payments", 8, 18, 0.6), *fast("payments", 40, 50, 0.03)),
        (
            Row("60 % of requests are rejected at once", 8, 10, "error_rate_fast_rejection",
                model=Severity.HIGH),
            Row("all requests are answered at once, 3 % with an error", 40, 42,
                "error_rate_fast_failure"),
        ),
    ),
    Watch(
        "payments-away",
        "payments",
        (
            *ills("payments", 8, 18, traffic=0.3),
            *fast("payments", 8, 18, 0.4),
            *ills("payments", 40, 50, traffic=0.1),
        ),
        (
            Row("traffic falls to 30 %, and 40 % of the rest fail at once", 8, 10,
                "reduced_traffic_with_errors", model=Severity.HIGH),
            Row("traffic falls to 10 %", 40, 42, "request_rate_cliff"),
        ),
    ),
    Watch(
        "checkout-slow",
        "checkout",
        (*ills("checkout", 8, 18, latency=6), *ills("payments", 40, 50, latency=10)),
        (
            Row("the service's own time x6, within the SLO", 8, 10,
                "application_latency_bottleneck", SLOStatus.OK, Severity.INFORMATIONAL),
            Row("the service that it calls gets slow; that one is not watched", 40, 42,
                "dependency_latency_cascade", SLOStatus.WARNING, model=Severity.HIGH),
        ),
        policy="patient",
    ),
    Watch(
        "cart-surge",
        "cart",
        (
            *ills("cart", 8, 18, traffic=3, latency=0.77),
            *ills("cart", 40, 50, traffic=3, latency=2.5),
        ),
        (
            Row("traffic x3, absorbed by more replicas", 8, 10, "request_rate_surge_healthy",
                severity=Severity.LOW, model=Severity.LOW),
            Row("traffic x3, requests get slow", 40, 42, "request_rate_surge_degrading"),
        ),
    ),
    Watch(
        "catalogue-surge",
        "catalogue",
        (
            *ills("catalogue", 8, 18, traffic=3, latency=6, errors=0.15),
            *ills("catalogue", 42, 42, latency=8),
        ),
        (
            Row("traffic x3, requests get slow and 15 % fail", 8, 11, "request_rate_surge_failing",
                SLOStatus.BREACHED, Severity.CRITICAL, Severity.HIGH),
            Row("one slow minute", 42, 45, "", actions=(EXPIRED,), resolution=None),
        ),
        policy="shop",
        spec={"incidents": {"confirmationCycles": 4}},
    ),
    Watch(
        "shipping-slow",
        "shipping",
        (
            *ills("shipping", 8, 14, latency=8),
            *ills("shipping", 52, END, latency=8),
        ),
        (
            Row("requests x8 slower", 8, 10, "latency_spike_recent", SLOStatus.ELEVATED),
            Row("requests x8 slower during a migration, which a person says is expected", 52, 54,
                "latency_spike_recent", SLOStatus.ELEVATED, actions=(OPENED, CLOSED),
                resolution=Resolution.EXPECTED, feedback=True),
        ),
        policy="shop",
    ),
    Watch(
        "recommendations-slow",
        "recommendations",
        (
            *ills("recommendations", 8, 18, latency=8),
            *ills("recommendations", 50, END, errors=0.3),
        ),
        (
            Row("the service's own time x8 while what it depends on is healthy", 8, 10,
                "internal_latency_issue"),
            Row("30 % of requests of a load test fail, which a person calls a false alarm", 50, 52,
                "error_rate_critical", model=Severity.HIGH, actions=(OPENED, CLOSED),
                resolution=Resolution.FALSE_POSITIVE, feedback=True),
        ),
        depends_on=("catalogue-surge",),
        wave=2,
    ),
    Watch(
        "inventory",
        "inventory",
        (
            Scaled(Column.DATABASE, 3, 8, 18),
            *ills("inventory", 46, END, database=25),
        ),
        (
            Row("queries that no request waits for x3 slower", 8, 10, "database_latency_degraded",
                severity=Severity.MEDIUM),
            Row("the database x25 slower", 46, 48, "database_latency_bottleneck",
                model=Severity.HIGH, actions=(OPENED,), resolution=None),
        ),
        wave=2,
    ),
    Watch(
        "catalogue",
        "catalogue",
        ills("inventory", 46, END, database=25),
        (
            Row("the service that it depends on gets slow", 46, 48, "upstream_cascade",
                model=Severity.HIGH, actions=(OPENED,), resolution=None),
        ),
        depends_on=("inventory",),
        wave=3,
    ),
    Watch(
        "gateway",
        "gateway",
        ills("inventory", 46, END, database=25),
        (
            Row("two services of the chain below it get slow", 46, 48,
                "dependency_chain_degradation", actions=(OPENED,), resolution=None),
        ),
        depends_on=("catalogue",),
        wave=4,
    ),
    Watch(
        "partner",
        "shipping",
        (
            *ills("shipping", 8, 18, latency=0.05),
            Pinned(Column.ERRORS, 0.85, 8, 18),
            *ills("shipping", 40, 50, latency=0.05),
            Pinned(Column.ERRORS, 0.75, 40, 50),
        ),
        (
            Row("answers at once, errors as on a bad day", 8, 10, "suspicious_fast_responses"),
            Row("answers at once, errors a little above usual", 40, 42,
                "error_rate_partial_rejection"),
        ),
        shop=shop_with("shipping", error_ratio=0.03),
        both=True,
    ),
    Watch(
        "shipping-leak",
        "shipping",
        tuple(leak("shipping")),
        (
            Row("two hours in which requests get slower and fail more often", 1, 50,
                "gradual_degradation", model=Severity.LOW, leads=False),
        ),
    ),
    Watch(
        "payments-flap",
        "payments",
        tuple(
            one
            for begin in (8, 16, 24, 32)
            for one in ills("payments", begin, begin + 3, latency=8, errors=0.2)
        ),
        (
            Row("slow and failing for four minutes of every eight", 8, 10, "flapping_service",
                leads=False, actions=(OPENED, RECOVERING, RELAPSED, CLOSED)),
        ),
        spec={"incidents": {"resolutionGraceCycles": 6, "separation": "8h"}},
    ),
    Watch(
        "payments-recover",
        "payments",
        (
            *fading("payments", 8, 32),
            Scaled(Column.QUEUE, 12, 42, 45),
            Scaled(Column.QUEUE, 12, 55, END),
        ),
        (
            Row("30 % of requests fail, then fewer from minute to minute", 8, 10,
                "error_rate_critical", model=Severity.HIGH, also=("recovery_in_progress",),
                actions=(OPENED, UPDATED, RECOVERING, CLOSED)),
            Row("the queue is x12 as long, again some minutes after that was over", 42, 44,
                "metric_queue_length", actions=(OPENED, RECOVERING, CLOSED, REOPENED),
                resolution=None),
        ),
        more=(Column.QUEUE,),
        spec={"incidents": {"reopenWithin": "20m"}},
    ),
    Watch(
        "payments-gap",
        "payments",
        (
            *ills("payments", 20, 26, errors=0.3),
            Lost(27, 36),
            *ills("payments", 37, 42, errors=0.3),
            Lost(43, END),
        ),
        (
            Row("30 % of requests fail, then the source is silent for ten minutes", 20, 22,
                "error_rate_critical", actions=(OPENED, CLOSED), resolution=Resolution.STALE),
            Row("the same after the silence; then the service's status is lost", 37, 39,
                "error_rate_critical", actions=(OPENED,), resolution=Resolution.LOST),
        ),
        spec={
            "inference": {"interval": "1m"},
            "incidents": {"resolutionGraceCycles": 2, "separation": "6m"},
        },
    ),
    Watch(
        "payments-budget",
        "payments",
        ills("payments", 20, 45, errors=0.06),
        (
            Row("6 % of requests fail until the error budget burns", 20, 22, "error_budget_burn",
                severity=Severity.CRITICAL, actions=(OPENED, ESCALATED), resolution=None),
        ),
        policy="budget",
    ),
    Watch(
        "payments-promise",
        "payments",
        (),
        (
            Row("the policy promises less than the usual latency", -60, 3, "slo_breach",
                SLOStatus.BREACHED, Severity.CRITICAL, Severity.NONE, actions=(OPENED,),
                resolution=None),
        ),
        policy="impatient",
    ),
)  # fmt: skip
