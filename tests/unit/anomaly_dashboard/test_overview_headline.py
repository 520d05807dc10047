"""The headline of the overview is never calmer than the services below it."""

from __future__ import annotations

import pytest

from anomaly_dashboard.watched.sight import EVERYTHING, Scope, Scopes
from anomaly_dashboard.watched.store import Store
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE
from pretend.fleet import Fleet, fleet
from unit.anomaly_dashboard.signed_in import NOW, OpenDoor, browser

KINDS = {one.kind: one for one in (SERVICE, ANOMALY, POLICY)}
ONLY_SERVICES = Scopes(services=Scope(everywhere=True))


async def overview(made: Fleet, scopes: Scopes) -> str:
    store = Store()
    for raw in made:
        store.put(KINDS[raw["kind"]], raw)
    streams = [(kind, "") for kind in KINDS.values()]
    store.expect(streams)
    for stream in streams:
        store.heard(stream)
    async with browser(OpenDoor(store, scopes)) as client:
        return (await client.get("/")).text


@pytest.mark.parametrize(
    ("roots", "scopes", "words"),
    [
        (0, EVERYTHING, "Nothing is wrong"),
        (0, ONLY_SERVICES, "Nothing is wrong"),
        (1, EVERYTHING, "1 open problem"),
        (1, ONLY_SERVICES, "No open incident that you may read"),
    ],
)
async def test_nothing_is_wrong_only_where_no_service_is_anomalous(
    roots: int, scopes: Scopes, words: str
) -> None:
    text = await overview(fleet(20, roots=roots, malice=False, now=NOW), scopes)
    assert f'<h2 id="state-of-things">{words}' in text
