"""Every object of the three kinds: a row for lists, and the object itself packed away.

One thread writes and reads it, that of the event loop. It keeps no history and asks nobody.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from anomaly_cli.cluster_reading import number, part, text
from anomaly_dashboard.watched.contact import Contact, Lost, Stream
from anomaly_dashboard.watched.reading import incident_row, policy_row, service_row
from anomaly_dashboard.watched.rows import IncidentRow, Place, PolicyRow, ServiceRow
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE, Resource

Raw = Mapping[str, Any]
Row = TypeVar("Row", ServiceRow, IncidentRow, PolicyRow)


@dataclass(frozen=True, slots=True)
class Changed:
    """An object that came, went or is another one by now; `version` of the store with it. `minor`:
    only what each window changes, such as the time of the newest result."""

    version: int
    resource: Resource
    place: Place
    minor: bool = False


class News(Enum):
    """Of an object that is put in."""

    NONE = auto()
    MINOR = auto()
    MAJOR = auto()


class Shelf(Generic[Row]):
    """The objects of one kind by their place."""

    def __init__(self, resource: Resource, read: Callable[[Raw], Row]) -> None:
        self.resource = resource
        self._read: Callable[[Raw], Row] = read
        self.rows: dict[Place, Row] = {}
        self._packed: dict[Place, bytes] = {}
        self._versions: dict[Place, str] = {}
        self._generations: dict[Place, int] = {}

    def put(self, raw: Raw) -> News:
        """Take an object in."""
        metadata = part(raw, "metadata")
        place = text(metadata, "namespace"), text(metadata, "name")
        version = text(metadata, "resourceVersion")
        if version and self._versions.get(place) == version:
            return News.NONE
        kept = {**raw, "metadata": {k: v for k, v in metadata.items() if k != "managedFields"}}
        row, before = self._read(kept), self.rows.get(place)
        generation = number(metadata, "generation")
        same = before is not None and before.lasting == row.lasting
        minor = same and self._generations.get(place) == generation
        self.rows[place], self._generations[place] = row, generation
        self._packed[place] = zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), 1)
        self._versions[place] = version
        return News.MINOR if minor else News.MAJOR

    def drop(self, place: Place) -> bool:
        """Whether it was there."""
        self._packed.pop(place, None)
        self._versions.pop(place, None)
        self._generations.pop(place, None)
        return self.rows.pop(place, None) is not None

    def whole(self, place: Place) -> Raw | None:
        """The object as the API server has it, without its managed fields."""
        packed = self._packed.get(place)
        if packed is None:
            return None
        found: Raw = json.loads(zlib.decompress(packed))
        return found


class Store:
    """The three shelves. `version` grows by one with each change."""

    def __init__(self) -> None:
        self.services = Shelf(SERVICE, service_row)
        self.incidents = Shelf(ANOMALY, incident_row)
        self.policies = Shelf(POLICY, policy_row)
        self.version = 0
        self._contact = Contact()
        self._listeners: list[Callable[[Changed], None]] = []

    def put(self, resource: Resource, raw: Raw) -> None:
        """Take an object as it is now."""
        news = self._shelf(resource).put(raw)
        if news is not News.NONE:
            metadata = part(raw, "metadata")
            place = text(metadata, "namespace"), text(metadata, "name")
            self._tell(resource, place, minor=news is News.MINOR)

    def drop(self, resource: Resource, place: Place) -> None:
        """An object is gone."""
        if self._shelf(resource).drop(place):
            self._tell(resource, place)

    def replace(self, resource: Resource, objects: Iterable[Raw]) -> None:
        """A full list: what is not in it is gone."""
        listed = set[Place]()
        for raw in objects:
            metadata = part(raw, "metadata")
            listed.add((text(metadata, "namespace"), text(metadata, "name")))
            self.put(resource, raw)
        self.keep_only(resource, "", listed)

    def keep_only(self, resource: Resource, namespace: str, listed: Set[Place]) -> None:
        """Of `namespace` (empty = all) nothing is left but `listed`."""
        rows = self._shelf(resource).rows
        for place in [place for place in rows if place not in listed]:
            if namespace in {"", place[0]}:
                self.drop(resource, place)

    def expect(self, streams: Iterable[Stream]) -> None:
        """What must be heard before the store is complete."""
        self._contact.expect(streams)

    def heard(self, stream: Stream) -> None:
        """The API server answers for that stream."""
        self._contact.heard(stream)

    def lost(self, stream: Stream, how: Lost) -> None:
        """It does not; what the store has of it may be old."""
        self._contact.broke(stream, how)

    @property
    def synced(self) -> bool:
        """Whether everything was listed once; before that, what is absent is not known."""
        return self._contact.all_heard

    @property
    def out_of_touch(self) -> Lost | None:
        """Since when what the store has may be old; None while it hears of every change."""
        return self._contact.lost

    def listen(self, listener: Callable[[Changed], None]) -> Callable[[], None]:
        """Call `listener` with each change from now on; the answer ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _shelf(self, resource: Resource) -> Shelf[Any]:
        shelves: dict[Resource, Shelf[Any]] = {
            SERVICE: self.services,
            ANOMALY: self.incidents,
            POLICY: self.policies,
        }
        return shelves[resource]

    def _tell(self, resource: Resource, place: Place, *, minor: bool = False) -> None:
        self.version += 1
        for listener in tuple(self._listeners):
            listener(Changed(self.version, resource, place, minor))
