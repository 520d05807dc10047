"""`kubectl-anomaly discover`: reads, prints, and applies nothing."""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence

from anomaly_cli.discovery import difference, document, files, prometheus
from anomaly_cli.discovery.arguments import AUTO
from anomaly_cli.discovery.calls import DiscoveryError, Traffic
from anomaly_cli.discovery.difference import Manifest
from anomaly_cli.discovery.formats import Format
from anomaly_cli.discovery.graph import Graph, graph
from anomaly_cli.discovery.names import Key, Known
from anomaly_cli.object_files import ServiceDocument, read_objects
from anomaly_operator.api.durations import format_seconds, parse_seconds

DIFFERENT = 1
"""As `kubectl diff` exits."""
NOTHING_FOUND = 3

_NAMESPACE = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?")
_HEADER = re.compile(r"([A-Za-z0-9-]+):\s*([\x20-\x7e]*?)\s*")
_MAX_TOKEN = 64 * 1024


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises DiscoveryError, ServiceFileError, OSError."""
    if not _NAMESPACE.fullmatch(given.namespace):
        raise DiscoveryError(f"-n {given.namespace!r} is no name of a namespace")
    if not math.isfinite(given.min_rate) or given.min_rate < 0:
        raise DiscoveryError(f"--min-rate {given.min_rate} is no rate; write calls a second")
    if given.prune and not given.file:
        raise DiscoveryError("--prune removes entries of manifests; name them with -f")
    objects = read_objects(given.file or ())
    kind, traffic = _traffic(given)
    manifests = _manifests(objects.services, given.namespace, traffic)
    homes = {one.key.namespace for one in manifests}
    home = given.namespace or (homes.pop() if len(homes) == 1 else "")
    known = [Known(one.key, one.source_name) for one in manifests]
    found = graph(traffic, known, given.namespace, home, given.min_rate)
    if not found.edges:
        _say((*found.notes, "no calls were found; see kubectl-anomaly discover --help"))
        return NOTHING_FOUND
    if given.file:
        return _compare(given, found, manifests)
    preset = kind in (Format.OTEL, Format.SPANS)
    if given.output == "json":
        sys.stdout.write(document.json_text(found, preset=preset))
    else:
        sys.stdout.writelines(document.yaml_text(found, preset=preset))
    sys.stdout.flush()
    _say((*found.notes, f"found {len(found.services)} services and {_calls(found.edges)}"))
    return 0


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{number} calls"


def _compare(given: argparse.Namespace, found: Graph, manifests: Sequence[Manifest]) -> int:
    wanted = [one for one in manifests if given.namespace in ("", one.key.namespace)]
    changed, notes = difference.changes(found, wanted, prune=given.prune)
    if given.output == "json":
        told = {"services": [one.plain() for one in changed]}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        sys.stdout.writelines(one.text() for one in changed)
    sys.stdout.flush()
    _say((*found.notes, *notes, f"{len(changed)} of {len(wanted)} manifests differ"))
    return DIFFERENT if changed else 0


def _traffic(given: argparse.Namespace) -> tuple[Format | None, Traffic]:
    kind = None if given.format == AUTO else Format(given.format)
    if given.data:
        return files.read(given.data, kind, given.all_connections)
    source = prometheus.Source(
        given.source_url,
        _headers(given),
        _seconds("--timeout", given.timeout, 1, 600),
        given.ca_file,
    )
    since = format_seconds(_seconds("--since", given.since, 60, 90 * 86_400))
    formats = tuple(Format) if kind is None else (kind,)
    return prometheus.ask(source, formats, since, given.all_connections)


def _headers(given: argparse.Namespace) -> Mapping[str, str]:
    found = {}
    for text in given.header:
        read = _HEADER.fullmatch(text)
        if read is None:
            name = text.partition(":")[0][:40]
            raise DiscoveryError(f"--header {name!r} is no header; write 'X-Scope-OrgID: team'")
        found[read[1]] = read[2]
    if given.token_file:
        with given.token_file.open(encoding="utf-8") as file:
            token = file.read(_MAX_TOKEN).strip()
        if not token or not token.isascii() or not token.isprintable():
            raise DiscoveryError(f"--token-file {given.token_file} holds no token")
        found["Authorization"] = f"Bearer {token}"
    return found


def _seconds(option: str, text: str, least: float, most: float) -> float:
    try:
        found = parse_seconds(text)
    except ValueError as error:
        raise DiscoveryError(f"{option}: {error}") from error
    if not least <= found <= most:
        allowed = f"{format_seconds(least)} to {format_seconds(most)}"
        raise DiscoveryError(f"{option} is {text}; allowed is {allowed}")
    return found


def _manifests(
    services: Iterable[ServiceDocument], namespace: str, traffic: Traffic
) -> list[Manifest]:
    """A manifest that names no namespace is where `kubectl apply -n` would put it; without -n in
    the only namespace that has traffic."""
    seen = {peer.namespace for call in traffic.calls for peer in call[:2]} - {""}
    placed = namespace or (seen.pop() if len(seen) == 1 else "")
    found = []
    for one in services:
        metadata = one.document.get("metadata")
        own = str(metadata.get("namespace") or "") if isinstance(metadata, dict) else ""
        spec = one.document.get("spec")
        fields = spec if isinstance(spec, dict) else {}
        parameters = fields.get("parameters")
        name = parameters.get("service") if isinstance(parameters, dict) else None
        key = Key(own or placed, one.meta.name)
        depends_on = fields.get("dependsOn")
        names = tuple(
            Key(str(entry.get("namespace") or key.namespace), str(entry.get("name", "")))
            for entry in (depends_on if isinstance(depends_on, list) else ())
            if isinstance(entry, dict)
        )
        found.append(Manifest(one.path, key, str(name or key.name), names))
    return found


def _say(lines: Iterable[str]) -> None:
    for line in dict.fromkeys(lines):
        print(f"kubectl-anomaly: {line}", file=sys.stderr)
