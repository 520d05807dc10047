"""`kubectl-anomaly discover` from files: what is printed, what is left out, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_cli.__main__ import main
from anomaly_operator.spec.service_parse import parse_service

Json = dict[str, Any]


def discovered(
    capsys: pytest.CaptureFixture[str], *arguments: str | Path, code: int = 0
) -> tuple[str, list[str]]:
    """Standard output, and the lines on standard error."""
    assert main(["discover", *map(str, arguments)]) == code
    out, err = capsys.readouterr()
    return out, [line.removeprefix("kubectl-anomaly: ") for line in err.splitlines()]


def edges(tmp_path: Path, *lines: str, head: str = "caller,callee,rate") -> Path:
    path = tmp_path / "edges.csv"
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def saved(tmp_path: Path, *series: tuple[Json, float], kind: str = "vector") -> Path:
    result = [{"metric": labels, "value": [1_700_000_000, str(rate)]} for labels, rate in series]
    path = tmp_path / "answer.json"
    document = {"status": "success", "data": {"resultType": kind, "result": result}}
    path.write_text(json.dumps(document))
    return path


def manifest(tmp_path: Path, *services: Json) -> Path:
    path = tmp_path / "services.yaml"
    path.write_text(yaml.safe_dump_all(services))
    return path


def service(name: str, *depends_on: str, namespace: str = "", source_name: str = "") -> Json:
    spec: Json = {"preset": "OpenTelemetrySpanMetrics"}
    if source_name:
        spec["parameters"] = {"service": source_name}
    if depends_on:
        spec["dependsOn"] = [{"name": one} for one in depends_on]
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": "anomaly-operator.dev/v1alpha1",
        "kind": "AnomalyService",
        "metadata": metadata,
        "spec": spec,
    }


def depends_on(out: str) -> dict[str, list[str]]:
    found = {}
    for document in yaml.safe_load_all(out):
        entries = document["spec"].get("dependsOn", [])
        found[document["metadata"]["name"]] = [one["name"] for one in entries]
    return found


def otel(client: str, server: str, **more: str) -> Json:
    return {"client": client, "server": server, **more}


def test_edges_become_sorted_manifests_whatever_their_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["web,cart,2", "cart,stock,1", "web,auth,3"]
    first, said = discovered(capsys, "--data", edges(tmp_path, *lines))
    second, _ = discovered(capsys, "--data", edges(tmp_path, *reversed(lines)))
    assert first == second
    assert list(depends_on(first)) == ["cart", "web"]
    assert depends_on(first)["web"] == ["auth", "cart"]
    assert "# Calls a second: auth 3, cart 2" in first
    assert said == ["found 4 services and 3 calls"]


def test_json_edges_name_namespaces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "edges.json"
    path.write_text(
        json.dumps(
            [
                {
                    "caller": "web",
                    "callee": "pay",
                    "caller_namespace": "shop",
                    "callee_namespace": "bank",
                }
            ]
        )
    )
    out, said = discovered(capsys, "--data", path, "-o", "json")
    (item,) = json.loads(out)["items"]
    assert item["metadata"] == {"name": "web", "namespace": "shop"}
    assert item["spec"]["dependsOn"] == [{"name": "pay", "namespace": "bank"}]
    assert any("settings.dependencies.acrossNamespaces" in line for line in said)


def test_a_saved_service_graph_gives_manifests_that_the_operator_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path, (otel("Web_UI", "cart"), 5.0), (otel("Web_UI", "cart"), 1.0))
    out, said = discovered(capsys, "--data", path)
    assert depends_on(out) == {"cart": [], "web-ui": ["cart"]}
    assert "Web_UI is named web-ui" in said
    for document in yaml.safe_load_all(out):
        spec, problems = parse_service(document["spec"])
        assert spec is not None
        assert not problems
    web = list(yaml.safe_load_all(out))[1]
    assert web["spec"]["parameters"] == {"service": "Web_UI"}
    assert "cart 6" in out


def test_what_is_no_request_to_a_service_is_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(
        tmp_path,
        (otel("web", "cart"), 5.0),
        (otel("web", "orders", connection_type="messaging_system"), 5.0),
        (otel("web", "postgres", connection_type="database"), 5.0),
        (otel("user", "web", connection_type="virtual_node"), 5.0),
        (otel("web", "silent"), 0.0),
        (otel("web", "web"), 9.0),
    )
    out, said = discovered(capsys, "--data", path)
    assert depends_on(out) == {"cart": [], "web": ["cart"]}
    assert any("databases: postgres" in line for line in said)
    assert any("message queues" in line and "orders" in line for line in said)
    everything, _ = discovered(capsys, "--data", path, "--all-connections")
    assert depends_on(everything)["web"] == ["cart", "orders", "postgres"]


def test_span_metrics_name_hosts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(
        tmp_path,
        ({"service_name": "web", "peer_service": "cart"}, 5.0),
        ({"service_name": "web", "server_address": "pay.bank.svc.cluster.local:8080"}, 5.0),
        ({"service_name": "web", "server_address": "api.example.com"}, 5.0),
        ({"service_name": "web", "net_peer_name": "10.0.0.7:80"}, 5.0),
        ({"service_name": "web", "net_peer_name": "fd00::7"}, 5.0),
        ({"service_name": "web", "server_address": "orders", "db_system": "mysql"}, 5.0),
    )
    out, said = discovered(capsys, "--data", path, "-n", "shop")
    assert depends_on(out)["web"] == ["pay", "cart"]
    outside = next(line for line in said if "hosts outside the cluster" in line)
    assert "api.example.com" in outside
    assert "10.0.0.7:80" in outside
    assert "fd00::7" in outside


def test_istio_names_workloads_and_namespaces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def mesh(source: str, destination: str, namespace: str = "shop") -> Json:
        return {
            "source_workload": source,
            "source_workload_namespace": namespace,
            "destination_workload": destination,
            "destination_workload_namespace": "shop",
        }

    path = saved(
        tmp_path,
        (mesh("web", "cart"), 5.0),
        (mesh("unknown", "web"), 5.0),
        (mesh("x", "y", "z"), 1),
    )
    out, _ = discovered(capsys, "--data", path, "-n", "shop")
    assert depends_on(out) == {"web": ["cart"]}
    assert "preset:" not in out
    assert "namespace: shop" in out


def test_rare_calls_are_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = edges(tmp_path, "web,cart,2", "web,report,0.001", "web,unmeasured,")
    out, said = discovered(capsys, "--data", path, "--min-rate", "0.01")
    assert depends_on(out) == {"web": ["cart", "unmeasured"]}
    assert "left out: below --min-rate 0.01: web -> report (0.001/s)" in said


def test_circles_are_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = edges(tmp_path, "a,b,1", "b,c,1", "c,a,1", "c,d,1", "x,a,1")
    _, said = discovered(capsys, "--data", path)
    assert [line for line in said if line.startswith("circle")] == [
        "circle of calls: a -> b -> c -> a; leave out the one that its caller can do without"
    ]


def test_two_peers_never_share_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = edges(tmp_path, "web,cart-a,1", "web,Cart_A,1", "web,...,1")
    out, said = discovered(capsys, "--data", path)
    assert depends_on(out) == {"web": ["cart-a"]}
    assert any("Cart_A would be named cart-a as well as cart-a" in line for line in said)
    assert any("no name of an object can be made of '...'" in line for line in said)


def test_names_that_yaml_would_read_as_something_else_stay_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = discovered(capsys, "--data", edges(tmp_path, "null,123,1", "true,1e3,1"))
    assert depends_on(out) == {"null": ["123"], "true": ["1e3"]}


def test_no_more_than_the_schema_allows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = edges(tmp_path, *(f"web,s{number:02d},{number + 1}" for number in range(40)))
    out, said = discovered(capsys, "--data", path)
    assert depends_on(out)["web"] == [f"s{number:02d}" for number in range(8, 40)]
    assert any("web calls 40 services and dependsOn holds 32" in line for line in said)


def test_a_diff_adds_what_was_seen_and_keeps_what_was_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    existing = manifest(tmp_path, service("web", "nightly"), service("cart", source_name="Cart_A"))
    data = edges(tmp_path, "web,Cart_A,1", "web,auth,1")
    out, said = discovered(capsys, "--data", data, "-f", existing, code=1)
    title = f"{existing} AnomalyService web"
    assert out.splitlines() == [
        f"--- {title}",
        f"+++ {title} as called",
        "@@ -1,3 +1,5 @@",
        " spec:",
        "   dependsOn:",
        "   - name: nightly",
        "+  - name: auth",
        "+  - name: cart",
    ]
    assert "not seen and kept: web -> nightly; --prune shows their removal" in said
    assert "called or calling, and without a manifest: auth" in said
    pruned, _ = discovered(capsys, "--data", data, "-f", existing, "--prune", code=1)
    assert "-  - name: nightly" in pruned.splitlines()


def test_no_difference_is_exit_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    existing = manifest(tmp_path, service("web", "cart"), service("cart"))
    out, said = discovered(capsys, "--data", edges(tmp_path, "web,cart,1"), "-f", existing)
    assert out == ""
    assert said == ["0 of 2 manifests differ"]


def test_nothing_is_removed_of_a_service_that_was_not_seen_to_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    existing = manifest(tmp_path, service("web", "cart"), service("cart", "stock"))
    data = edges(tmp_path, "web,cart,1")
    out, said = discovered(capsys, "--data", data, "-f", existing, "--prune")
    assert out == ""
    assert "not seen and kept: cart -> stock; no call of these services was seen" in said


def test_a_diff_as_json_names_the_entries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    existing = manifest(tmp_path, service("web", namespace="shop"))
    data = edges(tmp_path, "web,cart,1")
    out, _ = discovered(capsys, "--data", data, "-f", existing, "-o", "json", code=1)
    assert json.loads(out)["services"] == [
        {
            "name": "web",
            "namespace": "shop",
            "file": str(existing),
            "added": [{"name": "cart"}],
            "removed": [],
        }
    ]


def test_no_calls_is_exit_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, said = discovered(capsys, "--data", saved(tmp_path), code=3)
    assert out == ""
    assert "no calls were found" in said[-1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "line 1 has no column caller and no column callee"),
        ("caller,callee,rate\nweb,cart,often\n", "entry 2: rate is 'often'"),
        ("caller,callee\nweb,\n", "entry 2 has no caller or no callee"),
        ("[1]", "entry 1 is no object"),
        ("{", "is not JSON"),
        ('{"status": "error", "error": "bad query"}', "refuses the query: bad query"),
        ('{"data": {"result": [{"metric": {"job": "x"}, "value": [0, "1"]}]}}', "--format"),
    ],
)
def test_a_file_that_cannot_be_used_names_the_next_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    path = tmp_path / "data"
    path.write_text(text)
    _, said = discovered(capsys, "--data", path, code=2)
    assert str(path) in said[0]
    assert told in said[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-n", "Shop"], "-n 'Shop' is no name of a namespace"),
        (["--min-rate", "nan"], "--min-rate nan is no rate"),
        (["--prune"], "name them with -f"),
    ],
)
def test_a_wrong_argument_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    data = edges(tmp_path, "web,cart,1")
    _, said = discovered(capsys, "--data", data, *arguments, code=2)
    assert told in said[0]
