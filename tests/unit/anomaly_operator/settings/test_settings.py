"""The settings file: what it gives, and what it refuses with which words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from anomaly_operator.api.durations import format_seconds, parse_seconds
from anomaly_operator.api.fields import SettingsError
from anomaly_operator.settings import yaml_text
from anomaly_operator.settings.file import load_settings, parse_settings
from anomaly_operator.settings.serving import ServingSettings
from anomaly_operator.settings.values import AccessMode, ChangesSettings, Settings
from detector_runtime.contract.vocabulary import AuthType, SourceType, Unit

FULL = """
sources:
  default:
    type: Prometheus
    url: "https://prometheus:9090/"
    delay: 45s
    timeout: 20s
    maxResponseBytes: 6.7108864e+07
    auth: {type: Bearer, secretName: metrics-auth}
    caConfigMap: metrics-ca
    deniedCIDRs: [169.254.0.0/16]
    allowLoopback: true
    spanMetrics: {duration: duration_seconds, durationUnit: Seconds}
  files: {type: CSV, configMap: metrics-files}
storage: {size: 20Gi, storageClassName: fast, accessMode: ReadWriteMany, retain: true}
images: {score: registry/score:1, train: registry/train:1, pullSecrets: [registry-login]}
training:
  maxConcurrent: 3
  deadline: 2h
  placementTimeout: 10m
  resources: {limits: {memory: 4Gi}}
inference: {resources: {requests: {cpu: 20m}}}
pods:
  nodeSelector: {pool: batch}
  tolerations: [{key: batch, operator: Exists}]
  priorityClassName: low
detector: {falseIncidentsPerWeek: 0.5}
serving: {enabled: true, image: "registry/serve:1", maxReplicas: 7, tokenReviewAccount: server}
containment:
  enabled: true
  namespaces: [shop]
  tiers: [P1, P2]
  serviceAccountName: containment
  template: {image: registry/contain:1, command: [contain], args: [--soft], deadline: 2m}
watch: {inactivity: 5s, serverTimeout: 10s, relist: 30s}
changes: {enabled: false, lookback: 2h, nodes: true}
watchNamespaces: [shop, billing]
concurrency: 8
qps: 20
burst: 40
anomalies: {maxPerCluster: 500}
"""


def test_an_empty_file_gives_the_defaults() -> None:
    assert parse_settings("") == Settings()


def test_every_setting_of_a_full_file_arrives() -> None:
    settings = parse_settings(FULL)
    source = settings.sources["default"]
    assert (source.url, source.delay_seconds, source.timeout_seconds) == (
        "https://prometheus:9090",
        45,
        20.0,
    )
    assert source.max_response_bytes == 64 * 1024 * 1024
    assert (source.auth, source.secret_name) == (AuthType.BEARER, "metrics-auth")
    assert source.denied_cidrs == ("169.254.0.0/16",)
    assert source.span_metrics.duration == "duration_seconds"
    assert source.span_metrics.duration_unit is Unit.SECONDS
    assert source.span_metrics.calls == "traces_span_metrics_calls_total"
    assert settings.sources["files"].type is SourceType.CSV
    assert settings.sources["files"].config_map == "metrics-files"
    assert settings.storage.access_mode is AccessMode.READ_WRITE_MANY
    assert settings.images.pull_secrets == ("registry-login",)
    assert settings.training.deadline_seconds == 7200
    assert settings.training.placement_seconds == 600
    assert settings.training.resources == {"limits": {"memory": "4Gi"}}
    assert settings.pods.tolerations == ({"key": "batch", "operator": "Exists"},)
    assert settings.detector.false_incidents_per_week == 0.5
    assert settings.watch.relist_seconds == 30.0
    assert settings.serving == ServingSettings(
        enabled=True, image="registry/serve:1", max_replicas=7, account="server"
    )
    assert settings.containment.allows("shop", "P2")
    assert not settings.containment.allows("billing", "P1")
    assert not settings.containment.allows("shop", "P3")
    assert settings.containment.template.args == ("--soft",)
    assert settings.containment.template.deadline_seconds == 120
    assert settings.changes == ChangesSettings(enabled=False, lookback_seconds=7200, nodes=True)
    assert settings.watch_namespaces == ("shop", "billing")
    assert (settings.concurrency, settings.qps, settings.burst) == (8, 20.0, 40)
    assert settings.max_anomalies == 500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("qqs: 5", "unknown setting qqs"),
        ("serving: {maxReplicas: 21}", "serving.maxReplicas: 21 is not between 1 and 20"),
        ("serving: {tokenReviewAccount: anomaly-runner}", "make one for TokenReviews"),
        ("serving: {tokenReviewAccount: A B}", "'A B' is not the name of an account"),
        (
            "storage: {accessMode: ReadWriteOncePod}\nserving: {enabled: true}",
            "storage.accessMode: is ReadWriteOncePod, so a server would keep trainings from it",
        ),
        ("storage: {sise: 5Gi}", "unknown setting storage.sise"),
        ("storage: []", "storage: expected a mapping, found []"),
        ("concurrency: 0", "concurrency: 0 is not between 1 and 256"),
        ("concurrency: many", "concurrency: 'many' is not a whole number"),
        ("burst: 1.5", "burst: 1.5 is not a whole number"),
        ("qps: true", "qps: True is not a number"),
        ("storage: {retain: 'yes'}", "storage.retain: 'yes' is neither true nor false"),
        ("storage: {accessMode: RWX}", "storage.accessMode: 'RWX' is none of ReadWriteOnce"),
        ("training: {deadline: 1 hour}", "'1 hour' is not a duration; write it as 30s"),
        ("training: {deadline: 5s}", "training.deadline: 5s is not between 60s and 86400s"),
        ("training: {placementTimeout: 5s}", "placementTimeout: 5s is not between 10s and 86400s"),
        ("training: {deadline: 60}", "training.deadline: 60 is not a string"),
        ("detector: {falseIncidentsPerWeek: 0}", "0 is not between 0.01 and 100"),
        ("detector: {falseIncidentsPerWeek: '1'}", "'1' is not a number"),
        ("detector: {seed: 1}", "unknown setting detector.seed"),
        ("containment: {enabled: true}", "containment.namespaces: is empty"),
        ("containment: {enabled: true, namespaces: ['*']}", "'*' is not the name of a namespace"),
        (
            "containment: {enabled: true, namespaces: [shop], tiers: []}",
            "containment.tiers: is empty",
        ),
        (
            "containment: {enabled: true, namespaces: [shop]}",
            "containment.serviceAccountName: '' is not the name of an account",
        ),
        (
            "containment: {enabled: true, namespaces: [shop], serviceAccountName: anomaly-runner}",
            "anomaly-runner is the account of the scoring pods",
        ),
        (
            "containment: {enabled: true, namespaces: [shop], serviceAccountName: contain}",
            "containment.template: needs image and command",
        ),
        ("containment: {template: {deadline: 2h}}", "2h is not between 10s and 3600s"),
        ("containment: {template: {volumes: []}}", "unknown setting containment.template.volumes"),
        ("changes: {lookback: 2d}", "changes.lookback: 2d is not between 60s and 86400s"),
        ("changes: {node: true}", "unknown setting changes.node"),
        ("watchNamespaces: shop", "watchNamespaces: expected a list of strings"),
        ("sources: {a: {type: Prometheus}}", "sources.a.url: required; write for example url:"),
        ("sources: {a: {url: 'ftp://x'}}", "'ftp://x' is not an http or https URL"),
        (
            "sources: {a: {url: 'http://u:p@x'}}",
            "sources.a.url: must have no user, query or fragment",
        ),
        ("sources: {a: {type: Influx}}", "sources.a.type: 'Influx' is none of Prometheus, CSV"),
        ("sources: {a: {type: CSV}}", "sources.a: a CSV source needs either configMap or claim"),
        (
            "sources: {a: {url: 'http://x', auth: {type: Basic}}}",
            "sources.a.auth: set secretName together with type Bearer or Basic",
        ),
        (
            "sources: {a: {url: 'http://x', deniedCIDRs: [10.0.0.1/8]}}",
            "sources.a.deniedCIDRs: 10.0.0.1/8 has host bits set",
        ),
        (
            "sources: {a: {url: 'http://x', spanMetrics: {durationUnit: Bytes}}}",
            "sources.a.spanMetrics.durationUnit: must be Seconds or Milliseconds",
        ),
        ("qps: 5\nqps: 6", "line 2, column 1: duplicate key 'qps'"),
        ("qps: [", "line 1"),
        ("8: x", "key 8 is not a string; put it in quotes"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_path(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_settings(text)
    assert message in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"settings file .*absent\.yaml"):
        load_settings(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18:00", "18:00"),
        ("2026-11-20", "2026-11-20"),
        ("2026-11-20T00:00:00Z", "2026-11-20T00:00:00Z"),
        ("no", "no"),
        ("on", "on"),
        ("0o17", "0o17"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("0.5%", "0.5%"),
        ("true", True),
        ("null", None),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("'12'", "12"),
    ],
)
def test_yaml_scalars_keep_their_meaning(text: str, value: object) -> None:
    assert yaml_text.load(f"key: {text}") == {"key": value}


def test_several_documents_are_read_and_empty_ones_left_out() -> None:
    assert yaml_text.load_all("a: 1\n---\n---\nb: 2\n") == [{"a": 1}, {"b": 2}]


def test_yaml_tags_make_no_objects() -> None:
    with pytest.raises(yaml_text.YAMLError):
        yaml_text.load("!!python/object/apply:os.getcwd []")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("0.5s", 0.5),
        ("1m0.25s", 60.25),
        ("1h30m", 5400),
        ("30d", 2_592_000),
        ("500ms", 0.5),
        ("2w", 1209600),
    ],
)
def test_durations_parse(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds
    assert parse_seconds(format_seconds(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "5", "1 day", "-5m", "P30D", "m5", "30s1h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_seconds(text)


def test_an_mlflow_server_has_an_address_and_a_login() -> None:
    text = (
        "sources: {runs: {type: MLflow, url: 'https://mlflow:5000/', auth: {type: Basic, "
        "secretName: mlflow}, caConfigMap: ca, headers: {X-Tenant: $(namespace)}}}"
    )
    source = parse_settings(text).sources["runs"]
    assert (source.type, source.url) == (SourceType.MLFLOW, "https://mlflow:5000")
    assert (source.auth, source.secret_name) == (AuthType.BASIC, "mlflow")
    assert (source.ca_config_map, source.headers) == ("ca", (("X-Tenant", "$(namespace)"),))


@pytest.mark.parametrize("field", ["queryParameters", "limits", "spanMetrics", "harmlessWarnings"])
def test_an_mlflow_server_has_nothing_of_promql(field: str) -> None:
    with pytest.raises(SettingsError, match=rf"unknown setting sources\.runs\.{field}"):
        parse_settings(f"sources: {{runs: {{type: MLflow, url: 'http://a:1', {field}: {{}}}}}}")


@pytest.mark.parametrize("kind", ["RunLog", "TrainJob"])
def test_what_a_service_names_itself_is_no_source_of_the_settings(kind: str) -> None:
    with pytest.raises(SettingsError, match=f"{kind} is no source of the settings; write one of"):
        parse_settings(f"sources: {{runs: {{type: {kind}}}}}")


def test_suspending_names_its_namespaces_and_its_account() -> None:
    text = "trainingRuns: {suspend: {enabled: true, namespaces: [ml], serviceAccountName: s}}"
    found = parse_settings(text).suspend
    assert (found.enabled, found.namespaces, found.account) == (True, ("ml",), "s")
    assert not parse_settings("").suspend.enabled


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{enabled: true, serviceAccountName: s}", "trainingRuns.suspend.namespaces: is empty"),
        (
            "{enabled: true, serviceAccountName: s, namespaces: ['*']}",
            "'*' is not the name of a namespace",
        ),
        ("{enabled: true, namespaces: [ml]}", "'' is not the name of an account"),
        ("{enable: true}", "unknown setting trainingRuns.suspend.enable"),
    ],
)
def test_half_a_suspension_is_refused(given: str, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        parse_settings(f"trainingRuns: {{suspend: {given}}}")
