"""Which model answers: before the first, at a swap, after a load that failed, at the end."""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from detector_runtime.contract.serving import Served
from detector_runtime.errors import ModelMissingError
from detector_runtime.serving.current import RETRY_SECONDS, CurrentModel
from detector_runtime.serving.served_file import ServedFileError, read_served
from pretend.served_model import FIRST, GOOD, SECOND, Largest, name_revision, serving


class Volume:
    """Loads the revisions that are `there`."""

    def __init__(self, *there: str) -> None:
        self.there = set(there)
        self.asked: list[str] = []

    def __call__(self, served: Served) -> Largest:
        revision = served.revision
        self.asked.append(revision)
        if revision not in self.there:
            raise ModelMissingError(f"model {revision}: not on the volume")
        return Largest(revision)


def version(current: CurrentModel) -> str | None:
    return current.model.scorer.version if current.model else None


async def test_a_new_revision_takes_the_old_ones_place(tmp_path: Path) -> None:
    path, volume = tmp_path / "served.json", Volume(FIRST, SECOND)
    current = CurrentModel(path, volume)
    await current.look(0)
    assert (version(current), "no such file" in current.error) == (None, True)
    name_revision(path, FIRST)
    await current.look(1)
    await current.look(2)
    assert (version(current), current.error, volume.asked) == (FIRST, "", [FIRST])
    name_revision(path, SECOND)
    await current.look(3)
    assert (version(current), current.swaps, volume.asked) == (SECOND, 1, [FIRST, SECOND])


async def test_the_same_revision_named_again_is_not_loaded_again(tmp_path: Path) -> None:
    path, volume = tmp_path / "served.json", Volume(FIRST)
    current = CurrentModel(path, volume)
    for now in range(3):
        name_revision(path, FIRST)
        await current.look(now)
    assert (volume.asked, current.swaps) == ([FIRST], 0)


async def test_what_cannot_be_loaded_leaves_the_old_one_and_is_tried_again(tmp_path: Path) -> None:
    path, volume = tmp_path / "served.json", Volume(FIRST)
    current = CurrentModel(path, volume)
    name_revision(path, FIRST)
    await current.look(0)
    name_revision(path, SECOND)
    await current.look(1)
    assert (version(current), current.failures) == (FIRST, 1)
    assert "not on the volume" in current.error
    await current.look(2)
    assert volume.asked == [FIRST, SECOND]
    volume.there.add(SECOND)
    await current.look(1 + RETRY_SECONDS)
    assert (version(current), current.error) == (SECOND, "")


async def test_a_model_that_breaks_the_loader_stops_nothing(tmp_path: Path) -> None:
    path = tmp_path / "served.json"

    def load(_: Served) -> Largest:
        raise ZeroDivisionError("within")

    current = CurrentModel(path, load)
    name_revision(path)
    await current.look(0)
    assert current.error == "ZeroDivisionError: within"


async def test_following_begins_without_being_asked(tmp_path: Path) -> None:
    path = tmp_path / "served.json"
    name_revision(path)
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()

    def load(_: Served) -> Largest:
        loop.call_soon_threadsafe(arrived.set)
        return Largest()

    following = asyncio.create_task(CurrentModel(path, load).follow())
    async with asyncio.timeout(30):
        await arrived.wait()
    following.cancel()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"revision": "20261126-020000-abcdef"}',
        '{"revision": "../x", "digest": "sha256:0"}',
        '{"revision": 5, "digest": "sha256:0"}',
        " " * 20_000,
    ],
)
def test_a_file_that_names_no_revision_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "served.json"
    path.write_text(text)
    with pytest.raises(ServedFileError, match=r"served\.json: "):
        read_served(path)


def test_without_a_model_nothing_is_answered_and_the_reason_is_told(tmp_path: Path) -> None:
    with serving(tmp_path / "served.json", Largest(), loaded=False) as api:
        status, _, answer = api.ask("GET", "/ready")
        assert (status, answer["ready"]) == (503, False)
        assert "served.json" in answer["reason"]
        assert api.ask("GET", "/health")[0] == 200
        assert api.ask("GET", "/openapi.json")[0] == 200
        for method, path in [("GET", "/model/info"), ("POST", "/predict")]:
            status, headers, _ = api.ask(method, path, GOOD)
            assert (status, headers["retry-after"]) == (503, "1")


def test_ready_says_why_the_named_revision_does_not_answer(tmp_path: Path) -> None:
    path = tmp_path / "served.json"
    with serving(path, Volume(FIRST)) as api:
        name_revision(path, SECOND)
        asyncio.run(api.current.look(1e9))
        status, _, answer = api.ask("GET", "/ready")
        assert (status, answer["model_version"]) == (200, FIRST)
        assert "not on the volume" in answer["reason"]
        assert "anomaly_serving_model_outdated 1.0" in api.ask("GET", "/metrics")[2]
        assert api.ask("POST", "/predict", GOOD)[2]["model_version"] == FIRST


def test_no_request_fails_while_models_are_swapped(tmp_path: Path) -> None:
    path = tmp_path / "served.json"
    with (
        serving(path, Volume(FIRST, SECOND)) as api,
        ThreadPoolExecutor(2) as pool,
    ):
        asked = [pool.submit(api.ask, "POST", "/predict", GOOD) for _ in range(60)]
        for turn in range(10):
            name_revision(path, SECOND if turn % 2 == 0 else FIRST)
            asyncio.run(api.current.look(1e9 + 100 * turn))
        answers = [one.result(30) for one in asked]
        assert {status for status, _, _ in answers} == {200}
        assert {answer["model_version"] for _, _, answer in answers} <= {FIRST, SECOND}
        assert api.current.swaps >= 10


def test_a_server_that_is_asked_to_end_finishes_what_it_has_begun(tmp_path: Path) -> None:
    scorer = Largest()
    with (
        serving(tmp_path / "served.json", scorer) as api,
        ThreadPoolExecutor(1) as pool,
    ):
        scorer.gate.clear()
        scorer.entered.clear()
        running = pool.submit(api.ask, "POST", "/predict/batch", {"observations": [GOOD]})
        assert scorer.entered.wait(30)
        api.service.draining = True
        status, _, answer = api.ask("GET", "/ready")
        assert (status, answer["ready"]) == (503, False)
        assert api.ask("GET", "/model/info")[0] == 200
        api.server.handle_exit(signal.SIGTERM, None)
        scorer.gate.set()
        assert running.result(30)[0] == 200
        api.thread.join(30)
        assert not api.thread.is_alive()
