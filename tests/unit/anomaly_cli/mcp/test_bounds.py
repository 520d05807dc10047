"""What an answer of the MCP server may hold at most, and what never reaches it."""

from __future__ import annotations

import json

import pytest

from anomaly_cli.mcp.bounds import MAX_DOCUMENT, MAX_ITEMS, MAX_TEXT, bounded, cut, visible


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("checkout 5 ms\nnext", "checkout 5 ms\nnext"),
        ("a\x1b[2J\x00\x07\x9bb", "a[2Jb"),
        ("pay\u202eload\u2066x", "payloadx"),
        ("hi\U000e0049\U000e0047 there", "hi there"),
        ("v\ufe0f\U000e0100\u3164w", "vw"),
        ("line\u2028break\rend", "linebreakend"),
        ("lone \ud800 half", "lone  half"),
        ("Größe 3 µs, 東京", "Größe 3 µs, 東京"),
        ("5\u00a0ms", "5 ms"),
    ],
)
def test_what_cannot_be_seen_is_removed(text: str, expected: str) -> None:
    assert visible(text) == expected


def test_a_text_is_cut_by_bytes_and_says_so() -> None:
    assert cut("short") == "short"
    found = cut("ä" * MAX_TEXT)
    assert found.endswith("(cut at 20 kB of 40 kB)")
    assert len(found.encode()) < MAX_TEXT + 100


def test_a_document_keeps_its_shape_and_loses_what_is_too_much() -> None:
    document = {"names": ["a"] * 300, "deep": {"text": "x" * 5000, "n": 1, "none": None}}
    found, shortened = bounded(document)
    assert shortened
    assert len(found["names"]) == MAX_ITEMS
    assert len(found["deep"]["text"]) < 5000
    assert (found["deep"]["n"], found["deep"]["none"]) == (1, None)


def test_a_document_of_large_texts_stays_within_its_bytes() -> None:
    found, shortened = bounded({"items": [{"text": "y" * 2000, "more": ["z" * 2000] * 100}] * 100})
    assert shortened
    assert len(json.dumps(found)) <= MAX_DOCUMENT


def test_a_small_document_is_as_it_was_but_for_what_cannot_be_seen() -> None:
    assert bounded({"a\x1b": ["b\u202e", 2, True]}) == ({"a": ["b", 2, True]}, False)
