"""Colours and tables are for a terminal; a pipe gets the text as it is."""

from __future__ import annotations

import io
import re

import pytest

from anomaly_cli import console

HEADS = ("NAME", "SEVERITY", "WHAT")
ROWS = [("a", "High", "[bold]not markup[/bold] " + "long " * 40), ("bcd", "Low", ":smile:")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")


def test_a_pipe_gets_aligned_lines_that_are_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    console.table(HEADS, ROWS)
    assert capsys.readouterr().out.splitlines() == [
        "  NAME  SEVERITY  WHAT",
        ("  a     High      [bold]not markup[/bold] " + "long " * 40).rstrip(),
        "  bcd   Low       :smile:",
    ]


def test_a_terminal_gets_colours_within_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    console.table(HEADS, ROWS)
    assert "\x1b[31mHigh" in terminal.getvalue()
    assert "[bold]not markup[/bold]" in terminal.getvalue()


def test_a_narrow_terminal_breaks_no_name_and_keeps_sentences_readable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    row = ("2025-11-25T00:35:00Z", "database_latency_bottleneck", "High", "word " * 20)
    console.table(("FROM", "PATTERN", "SEVERITY", "WHAT"), [row])
    plain = re.sub(r"\x1b\[[\d;]*m", "", terminal.getvalue())
    assert "PATTERN   database_latency_bottleneck" in plain
    assert "WHAT      word word word" in plain
    assert max(map(len, plain.splitlines())) <= 80
    assert len(plain.splitlines()) < 10


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    console.table(HEADS, ROWS)
    assert "\x1b[31m" not in terminal.getvalue()
    plain = re.sub(r"\x1b\[[\d;]*m", "", terminal.getvalue())
    assert max(map(len, plain.splitlines())) <= 80


def test_a_long_table_says_how_much_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    console.table(HEADS, [ROWS[1]] * (console.MAX_ROWS + 3), "; --json lists all")
    assert capsys.readouterr().out.splitlines()[-1] == "  and 3 more; --json lists all"


def test_a_warning_is_one_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    console.warn("x " * 100)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith("kubectl-anomaly: warning: x x")
