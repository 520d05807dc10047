"""What is rendered once for many."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from anomaly_dashboard.live.fragments import Fragments


def counting() -> tuple[list[int], Callable[[], str]]:
    made: list[int] = []

    def render() -> str:
        made.append(len(made))
        return f"<p>{len(made)}</p>"

    return made, render


def test_a_fragment_serves_until_browsers_are_told_of_more() -> None:
    made, render = counting()
    kept = Fragments()
    first = kept.get("a", 10, 8, render)
    assert kept.get("a", 12, 10, render) is first
    assert kept.get("a", 12, 11, render).text == "<p>2</p>"
    assert len(made) == 2
    assert gzip.decompress(first.packed) == first.plain == b"<p>1</p>"


def test_without_a_task_that_tells_only_the_same_version_serves() -> None:
    made, render = counting()
    kept = Fragments()
    kept.get("a", 10, 0, render)
    kept.get("a", 10, 0, render)
    kept.get("a", 11, 0, render)
    kept.get("b", 11, 0, render)
    assert len(made) == 3


def test_the_mark_of_content_is_that_of_equal_content() -> None:
    kept = Fragments()
    one = kept.get("a", 1, 0, lambda: "same")
    assert kept.get("a", 2, 0, lambda: "same").etag == one.etag
    assert kept.get("a", 3, 0, lambda: "other").etag != one.etag


def test_only_those_used_last_are_kept() -> None:
    made, render = counting()
    kept = Fragments()
    for key in range(100):
        kept.get(key, 1, 0, render)
        kept.get(0, 1, 0, render)
    kept.get(1, 1, 0, render)
    assert len(made) == 101
