"""For any service that admission lets in: names within limits, pods that are restricted."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly_operator.api import names
from anomaly_operator.manifests.jobs import Attempt, config_map, inference_cron_job, training_job
from anomaly_operator.manifests.run_config import resolve, scoring_config, training_config
from anomaly_operator.settings.values import AccessMode, MetricsSource, Settings, StorageSettings
from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.world.objects import Meta
from detector_runtime.contract.codec import loads
from detector_runtime.contract.run_config import ModelRef, RunConfig
from detector_runtime.contract.vocabulary import AuthType, SourceType

NAME = st.from_regex(r"\A[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?\Z")
QUANTITY = st.sampled_from(["1", "500m", "1Gi", "64Mi", "2"])
RESOURCES = st.fixed_dictionaries(
    {},
    optional={
        kind: st.dictionaries(st.sampled_from(["cpu", "memory"]), QUANTITY)
        for kind in ("requests", "limits")
    },
)
METRIC = st.builds(
    lambda number, role: {
        "name": f"m{number}",
        "query": 'x{a="$(service)"}',
        "role": role,
        "unit": "Seconds",
    },
    st.integers(0, 99),
    st.sampled_from(["Traffic", "Latency", "Custom"]),
)
SPECS = st.fixed_dictionaries(
    {
        "metrics": st.lists(METRIC, min_size=1, max_size=5),
        "step": st.sampled_from(["15s", "1m", "5m"]),
        "incidents": st.just({"separation": "48h"}),
        "inference": st.sampled_from([{}, {"interval": "5m"}, {"interval": "2h"}]),
    },
    optional={
        "suspend": st.booleans(),
        "category": st.sampled_from(["Core", "Micro"]),
        "timeZone": st.sampled_from(["Etc/UTC", "Asia/Kathmandu"]),
        "resources": st.fixed_dictionaries(
            {}, optional={"training": RESOURCES, "inference": RESOURCES}
        ),
    },
)
SOURCES = st.one_of(
    st.builds(
        lambda auth, ca: MetricsSource(
            "default",
            SourceType.PROMETHEUS,
            url="https://p",
            auth=auth,
            secret_name="s" if auth is not AuthType.NONE else "",
            ca_config_map=ca,
        ),
        st.sampled_from(list(AuthType)),
        st.sampled_from(["", "ca"]),
    ),
    st.just(MetricsSource("default", SourceType.CSV, config_map="files")),
    st.just(MetricsSource("default", SourceType.CSV, claim="files")),
)
MODEL = ModelRef("20261122-021500-3f2a9c", "sha256:0")


def rendered(name: str, spec: dict[str, Any], source: MetricsSource, mode: AccessMode) -> Any:
    settings_ = Settings(sources={"default": source}, storage=StorageSettings(access_mode=mode))
    meta = Meta(names.API_VERSION, "AnomalyService", "shop", name, f"uid-{name}", "1", 1)
    parsed, problems = parse_service(spec)
    assert parsed is not None, problems
    about = resolve(meta, parsed, settings_, 0)
    train = config_map(meta, training_config(about, (), ["u"], MODEL, 3))
    score = config_map(meta, scoring_config(about, None, MODEL))
    job = training_job(about, settings_, train["metadata"]["name"], Attempt("a", "b", "c"))
    cron = inference_cron_job(about, settings_, score["metadata"]["name"])
    return train, score, job, cron


@settings(max_examples=150)
@given(name=NAME, spec=SPECS, source=SOURCES, mode=st.sampled_from(list(AccessMode)))
def test_any_service_gets_restricted_pods_of_our_image_and_command(
    name: str, spec: dict[str, Any], source: MetricsSource, mode: AccessMode
) -> None:
    _, _, job, cron = rendered(name, spec, source, mode)
    scoring = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    training = job["spec"]["template"]["spec"]
    for pod in (scoring, training):
        assert pod["automountServiceAccountToken"] is False
        assert not pod["hostNetwork"]
        assert not pod["hostPID"]
        assert not pod["hostIPC"]
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True
        assert min(security["runAsUser"], security["runAsGroup"]) >= 10_000
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {next(key for key in volume if key != "name") for volume in pod["volumes"]} <= {
            "persistentVolumeClaim",
            "emptyDir",
            "configMap",
            "secret",
            "projected",
        }
        (container,) = pod["containers"]
        assert container["image"].startswith("anomaly-operator/runtime-")
        assert container["command"] == ["python", "-m", "detector_runtime"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]
        assert "ephemeral-storage" in container["resources"]["limits"]
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}
    assert not [volume for volume in training["volumes"] if "projected" in volume]
    assert [
        mount["readOnly"]
        for mount in scoring["containers"][0]["volumeMounts"]
        if mount["name"] == "models"
    ] == [True]


@settings(max_examples=100)
@given(name=NAME, spec=SPECS, source=SOURCES)
def test_what_a_pod_is_told_reads_back_and_names_fit(
    name: str, spec: dict[str, Any], source: MetricsSource
) -> None:
    train, score, job, cron = rendered(name, spec, source, AccessMode.READ_WRITE_ONCE)
    for config in (train, score):
        told = loads(RunConfig, config["data"]["run.json"])
        assert told.service.name == name
        assert config["immutable"] is True
    for made in (train, score, job):
        assert len(made["metadata"]["name"]) <= names.MAX_NAME
    assert len(cron["metadata"]["name"]) <= 52, "the API server allows no more for a CronJob"
    assert all(len(value) <= 63 for value in cron["metadata"]["labels"].values())


@settings(max_examples=200)
@given(pairs=st.lists(st.tuples(NAME, st.uuids().map(str)), min_size=2, max_size=20, unique=True))
def test_no_two_services_share_a_name_of_a_child(pairs: list[tuple[str, str]]) -> None:
    crons = {names.cron_job_name(name, uid) for name, uid in pairs}
    jobs = {names.training_job_name(name, uid, "attempt") for name, uid in pairs}
    assert len(crons) == len(jobs) == len(pairs)
