"""What a run keeps for the next one: the state, its place in the log, and what both belong to.

One JSON document of at most 256 KiB with a checksum. One that is damaged, of another version or of
another log is not repaired: the log is read again from its beginning and says the same.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, TypeVar

from detector_runtime.contract.codec import decode, dumps, encode
from detector_runtime.contract.run_config import RunConfig
from detector_runtime.contract.training_run import RunExample, RunTrigger, TrainingRunSpec
from detector_runtime.contract.vocabulary import ContractError
from detector_runtime.following.evidence import Recent
from detector_runtime.following.followed import Followed
from detector_runtime.following.progress import Pace
from detector_runtime.following.standing import Standing
from detector_runtime.following.timeline import Timeline
from detector_runtime.run_log.source import Position
from detector_runtime.training_run import memory as watch_memory

VERSION = 1
MAX_BYTES = 256 * 1024
T = TypeVar("T")


class StateRefusedError(ValueError):
    """The document cannot be used; the message says why, for a note."""


class OtherLogError(StateRefusedError):
    """The document belongs to another log: nothing was told of this one."""


@dataclass(frozen=True, slots=True)
class Belonging:
    """Digests of what a state depends on: where rows come from, and how they are judged."""

    log: str
    rules: str


@dataclass(frozen=True, slots=True)
class Kept:
    followed: Followed
    position: Position


def belonging(config: RunConfig, run: TrainingRunSpec) -> Belonging:
    """What a state of this run belongs to."""
    place = None if run.log is None else [run.log.path, run.log.format.value]
    origin: list[Any] = [place, run.mlflow_run]
    if run.log is None:
        trainer = encode(run.trainer) if run.trainer is not None else None
        origin += [config.source.name, config.source.type.value, trainer, encode(config.metrics)]
    judged = replace(run, snapshots=TrainingRunSpec().snapshots, trainer=None, total_steps=0,
                     stall_factor=0.0, stall_seconds=0)  # fmt: skip
    return Belonging(_digest(json.dumps(origin)), _digest(dumps(judged)))


def dump(kept: Kept, owner: Belonging) -> bytes:
    """`kept` as a document. ValueError where it would be larger than MAX_BYTES."""
    followed = kept.followed
    body = {
        "version": VERSION,
        "log": owner.log,
        "rules": owner.rules,
        "position": dict(kept.position),
        "watch": watch_memory.dump(followed.watch),
        "counts": [followed.rows, followed.bad_lines],
        "badLine": followed.bad_line,
        "readThrough": followed.read_through,
        "recent": _recent(followed.recent),
        "pace": _pace(followed.pace),
        "timeline": _timeline(followed.timeline),
        "standing": encode(followed.standing.triggers),
    }
    text = _text(body)
    data = _bytes(_text({**body, "checksum": _digest(text)}))
    if len(data) > MAX_BYTES:
        raise ValueError(f"the state has {len(data)} bytes, at most {MAX_BYTES} are kept")
    return data


def load(data: bytes, owner: Belonging) -> Kept:
    """What `dump` was given. Raises StateRefusedError."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StateRefusedError("it is not JSON") from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise StateRefusedError(f"it is not of version {VERSION}")
    if document.pop("checksum", None) != _digest(_text(document)):
        raise StateRefusedError("its checksum is wrong")
    if document["log"] != owner.log:
        raise OtherLogError("it belongs to another log")
    if document["rules"] != owner.rules:
        raise StateRefusedError("thresholds or columns have changed since")
    try:
        return Kept(_followed(document), document["position"])
    except (watch_memory.MemoryUnreadableError, ContractError, KeyError, TypeError,
            ValueError) as error:  # fmt: skip
        raise StateRefusedError(f"it cannot be read ({error})") from error


def _followed(document: Mapping[str, Any]) -> Followed:
    rows, bad_lines = document["counts"]
    return Followed(
        watch=watch_memory.load(document["watch"]),
        rows=rows,
        bad_lines=bad_lines,
        bad_line=document["badLine"],
        read_through=document["readThrough"],
        recent=_recent_of(document["recent"]),
        pace=_pace_of(document["pace"]),
        timeline=_timeline_of(document["timeline"]),
        standing=Standing(_decoded(RunTrigger, document["standing"])),
    )


def _recent(recent: Recent) -> dict[str, Any]:
    return {
        "losses": _texts(recent.losses),
        "accuracies": _texts(recent.accuracies),
        "rates": _texts(recent.rates),
        "examples": [encode(one) for one in recent.examples],
    }


def _recent_of(document: Mapping[str, Any]) -> Recent:
    found = Recent()
    _refill(found.losses, document["losses"], float)
    _refill(found.accuracies, document["accuracies"], float)
    _refill(found.rates, document["rates"], float)
    found.examples.extend(_decoded(RunExample, document["examples"]))
    return found


def _pace(pace: Pace) -> dict[str, Any]:
    marks = [[repr(time), step] for time, step in pace.marks]
    last = None if pace.last is None else repr(pace.last)
    return {"last": last, "step": pace.step, "pauses": _texts(pace.pauses), "marks": marks}


def _pace_of(document: Mapping[str, Any]) -> Pace:
    last = document["last"]
    found = Pace(last=None if last is None else float(last), step=document["step"])
    _refill(found.pauses, document["pauses"], float)
    found.marks.extend((float(time), step) for time, step in document["marks"])
    return found


def _timeline(timeline: Timeline) -> dict[str, Any]:
    return {
        "entries": encode(timeline.entries),
        "earlier": timeline.earlier,
        "triggers": timeline.triggers,
        "counts": timeline.counts,
    }


def _timeline_of(document: Mapping[str, Any]) -> Timeline:
    return Timeline(
        entries=_decoded(RunTrigger, document["entries"]),
        earlier=document["earlier"],
        triggers=document["triggers"],
        counts=dict(document["counts"]),
    )


def _decoded(kind: type[T], documents: Iterable[Any]) -> list[T]:
    # A missing match of an example is null in JSON and left out by the codec.
    return [decode(kind, {"matches": None, **one}) for one in documents]


def _texts(values: Iterable[float]) -> list[str]:
    """Exact, and NaN and infinity are JSON, too."""
    return [repr(value) for value in values]


def _refill(held: deque[T], texts: Iterable[Any], read: Callable[[Any], T]) -> None:
    held.extend(read(text) for text in texts)


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(text: str) -> str:
    return sha256(_bytes(text)).hexdigest()


def _bytes(text: str) -> bytes:
    # A log may name a metric by half a character, which JSON has an escape for.
    return text.encode("utf-8", "surrogatepass")
