"""Which recordings are judged as which service.

One file is judged as the service that is chosen. A folder has a file for each, called by the
service's name; what has no data or no service is said and left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from anomaly_cli.object_files import Objects, ServiceDocument, ServiceFileError
from anomaly_cli.recording import RecordingError
from anomaly_cli.service_file import NOBODY, ServiceFile, chosen, read_service, without_file

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Assigned:
    """`path`: the recording; `service`: what it is judged as."""

    path: Path
    service: ServiceFile

    @property
    def name(self) -> str:
        return self.service.meta.name


@dataclass(frozen=True, slots=True)
class Assignment:
    """`unrecorded`: services without a recording, through which others may depend on one another;
    `notes` name them; `warnings`: recordings that no service claims."""

    found: tuple[Assigned, ...]
    unrecorded: tuple[ServiceFile, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def assigned(data: Path, objects: Objects, name: str | None = None) -> Assignment:
    """The recordings of `data`, a file or a folder. Raises ServiceFileError, RecordingError,
    OSError."""
    if data.is_dir():
        return _folder(data, objects, name)
    if not objects.paths:
        return Assignment((Assigned(data, without_file(NOBODY.name)),))
    return Assignment((Assigned(data, chosen(objects, name, hint=data.stem)),))


def _folder(data: Path, objects: Objects, name: str | None) -> Assignment:
    if name is not None:
        raise ServiceFileError(
            f"--service {name}: {data} is a folder, whose files name their services; give the file "
            "of one service as --data to judge it alone"
        )
    files = {path.stem: path for path in sorted(data.glob("*.csv"))}
    if not files:
        raise RecordingError(
            f"{data} has no file called *.csv; a folder of recordings has one <service>.csv for "
            "each service"
        )
    if not objects.services:
        return Assignment(tuple(Assigned(path, without_file(stem)) for stem, path in files.items()))
    services = _by_name(objects)
    found = tuple(
        Assigned(path, read_service(services[stem], objects))
        for stem, path in files.items()
        if stem in services
    )
    unclaimed = [path.name for stem, path in files.items() if stem not in services]
    if not found:
        raise ServiceFileError(
            f"{objects.said} has no AnomalyService that a file in {data} is called by; the files "
            f"are {_listed(unclaimed)}, the services {_listed(sorted(services))}"
        )
    without = [one for one in sorted(services) if one not in files]
    return Assignment(
        found,
        tuple(read_service(services[one], objects) for one in without),
        (f"without a recording, and not judged: {_listed(without)}",) if without else (),
        (f"no AnomalyService is called as these files, which are not judged: {_listed(unclaimed)}",)
        if unclaimed
        else (),
    )


def _by_name(objects: Objects) -> dict[str, ServiceDocument]:
    found: dict[str, ServiceDocument] = {}
    for one in objects.services:
        name = one.meta.name
        if name in found:
            raise ServiceFileError(
                f"{objects.said}: two AnomalyServices are called {name!r} "
                f"({found[name].name} and {one.name}); a file in a folder names one, so give the "
                "objects of one namespace, each once"
            )
        found[name] = one
    return found


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
