"""A CSV file as a source: its forms, its holes, and messages that lead to the cell."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from detector_runtime.contract.run_config import SourceSpec
from detector_runtime.contract.vocabulary import RunOutcome, SourceType
from detector_runtime.errors import RunError
from detector_runtime.sources.csv_file import CSVSource, parse_time
from loopback.settings import LATENCY, RATE

STEP = 60
SPEC = SourceSpec("files", SourceType.CSV, file="shop.csv", max_response_bytes=10_000)


def source(folder: Path, text: str | bytes) -> CSVSource:
    data = text.encode() if isinstance(text, str) else text
    (folder / "shop.csv").write_bytes(data)
    return CSVSource(SPEC, (RATE, LATENCY), STEP, folder)


@pytest.mark.parametrize(
    "text",
    [
        "time,rate,latency\n60,1,10\n120,2,20\n",
        "time,rate,latency\r\n60,1,10\r\n120,2,20\r\n",
        "\ufefftime,rate,latency\n60,1,10\n120,2,20",
        'time, rate , latency\n"60",1,10\n\n120.0,2e0, 20 \n',
        "time,latency,other,rate\n1970-01-01T00:01:00Z,10,x,1\n1970-01-01T01:02:00+01:00,20,y,2\n",
        "time,rate,latency\n120,2,20\n60,1,10\n",
        "time,rate,latency\n60,9,99\n60,1,10\n120,2,20\n",
        "time,rate,latency\n30,1,10\n61,2,20\n",
        "sep=;\ntime;rate;latency\n60;1;10\n120;2;20\n",
        "time\trate\tlatency\n60\t1\t10\n120\t2\t20\n",
        "\ufefftime\trate\tlatency\r\n60\t1\t10\r\n120\t2\t20\r\n".encode("utf-16-le"),
        "time,rate,latency\n60,1,10\n120,2,20\n".encode("utf-16-be"),
        "# of the shop\n\ntime,rate,latency\n60,1,10\n# noon\n120,2,20\n,,\n",
        "time,rate,latency\r60,1,10\r120,2,20\r",
        "time,rate,latency\n1970-01-01 00:01:00 UTC,1,10\n1970-01-01 00:02:00 +0000,2,20\n",
    ],
)
def test_a_file_in_any_common_form_is_read(tmp_path, text):
    frame = source(tmp_path, text).fetch(0, 120).frame
    assert frame.times.tolist() == [60, 120]
    assert frame.values.tolist() == [[1.0, 10.0], [2.0, 20.0]]


@pytest.mark.parametrize("hole", ["", "NaN", "nan", "null", " ", "NA", "inf", "-Inf"])
def test_an_empty_cell_is_a_hole_and_never_zero(tmp_path, hole):
    text = f"time,rate,latency\n60,{hole},10\n120,2,20\n"
    frame = source(tmp_path, text).fetch(0, 120).frame
    assert math.isnan(frame.values[0, 0])
    assert frame.values[0, 1] == 10.0


def test_only_the_windows_asked_for_are_returned(tmp_path):
    text = "time,rate,latency\n" + "".join(f"{t},{t},1\n" for t in range(60, 901, 60))
    frame = source(tmp_path, text).fetch(300, 480).frame
    assert frame.times.tolist() == [360, 420, 480]


def test_duplicate_times_are_counted(tmp_path):
    text = "time,rate,latency\n60,1,1\n60,2,2\n"
    assert source(tmp_path, text).fetch(0, 60).duplicates == {
        "request_rate": 1,
        "application_latency": 1,
    }


@pytest.mark.parametrize(
    ("text", "outcome", "parts"),
    [
        ("", RunOutcome.NO_DATA, ["empty"]),
        ("time,rate\n60,1\n", RunOutcome.INVALID_QUERY, ["'latency'", "it has: rate"]),
        ("time,rate,latency,rate\n", RunOutcome.INVALID_QUERY, ["one column 'rate'"]),
        (
            "time,rate,latency\n60,1,10\n120,fast,20\n",
            RunOutcome.INVALID_QUERY,
            ["line 3", "'rate'", "'fast'"],
        ),
        (
            "time,rate,latency\n60,1,10\nyesterday,1,2\n",
            RunOutcome.INVALID_QUERY,
            ["line 3", "'time'", "'yesterday'"],
        ),
        (
            "time,rate,latency\n2026-11-22 11:40,1,2\n",
            RunOutcome.INVALID_QUERY,
            ["line 2", "zone"],
        ),
        ("time,rate,latency\n-5,1,2\n", RunOutcome.INVALID_QUERY, ["line 2", "'-5'"]),
        (
            "time,rate,latency\n60,1_000,2\n",
            RunOutcome.INVALID_QUERY,
            ["line 2", "'rate'", "'1_000' is no number"],
        ),
        (
            "time,rate,latency\n1763811600000000000000,1,2\n",
            RunOutcome.INVALID_QUERY,
            ["line 2", "'1763811600000000000000'", "too large for unix time"],
        ),
        ("60,1,10\n120,2,20\n", RunOutcome.INVALID_QUERY, ["line 1 has no column names"]),
        (b"\x1f\x8b\x08\x00", RunOutcome.SOURCE_UNAVAILABLE, ["is a gzip file"]),
        ("time,rate,latency\n60,1\n", RunOutcome.INVALID_QUERY, ["line 2", "2 cells", "3"]),
        ('time,rate,latency\n60,"1,2\n', RunOutcome.SOURCE_UNAVAILABLE, ["no CSV"]),
        (b"\xff\xfe\x00", RunOutcome.SOURCE_UNAVAILABLE, ["no CSV"]),
        ("time,rate,latency\n" + "0" * 20_000, RunOutcome.RESPONSE_TOO_LARGE, ["10000 bytes"]),
    ],
)
def test_what_cannot_be_read_is_named_by_line_column_and_value(tmp_path, text, outcome, parts):
    with pytest.raises(RunError) as caught:
        source(tmp_path, text).fetch(0, 120)
    assert caught.value.outcome is outcome
    for part in ["'shop.csv'", *parts]:
        assert part in str(caught.value)


def test_a_file_that_is_not_there_is_named_with_its_source(tmp_path):
    missing = CSVSource(replace(SPEC, file="other.csv"), (RATE,), STEP, tmp_path)
    with pytest.raises(RunError, match=r"'other\.csv'.*'files'") as caught:
        missing.fetch(0, 60)
    assert caught.value.outcome is RunOutcome.SOURCE_UNAVAILABLE


@pytest.mark.parametrize(
    "cell", ["1763811600", "1763811600000", "1763811600000000", "1763811600000000000"]
)
def test_unix_time_is_read_in_the_unit_that_its_size_tells(cell):
    assert parse_time(cell) == 1_763_811_600
