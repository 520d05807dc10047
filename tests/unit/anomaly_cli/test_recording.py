"""A recording as programs export it: its times, its numbers, its layout, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from anomaly_cli.recording import ReadOptions, Recording, RecordingError, read
from detector_runtime.contract.vocabulary import Unit

PLAIN = ReadOptions()
BERLIN = ReadOptions(zone=ZoneInfo("Europe/Berlin"), zone_from="spec.timeZone")


def recorded(folder: Path, text: str | bytes, options: ReadOptions = PLAIN) -> Recording:
    path = folder / "data.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, None, None, options)


def values(found: Recording) -> list[list[float | None]]:
    return [
        [None if np.isnan(one) else float(one) for one in row]
        for row in found.frame.values.tolist()
    ]


def refused(folder: Path, text: str, options: ReadOptions = PLAIN) -> str:
    with pytest.raises(RecordingError) as caught:
        recorded(folder, text, options)
    return str(caught.value)


# Headers and layouts


@pytest.mark.parametrize("row", ["60,1,2", "60,50,50", "2026-11-20 10:00:00,45 ms,1", "60,,1"])
def test_a_file_without_a_header_is_refused(tmp_path: Path, row: str) -> None:
    """Its first row must not be lost, nor taken for names that are there twice."""
    told = refused(tmp_path, f"{row}\n120,3,4\n")
    assert "line 1 has no column names; add a header line such as time,requests" in told
    assert "--no-header" in told


def test_a_file_without_a_header_is_read_when_that_is_said(tmp_path: Path) -> None:
    found = recorded(tmp_path, "60,1,2\n120,3,4\n", ReadOptions(headed=False))
    assert found.frame.names == ("value_1", "value_2")
    assert values(found) == [[1, 2], [3, 4]]
    single = recorded(tmp_path, "60,1\n120,3\n", ReadOptions(headed=False))
    assert single.frame.names == ("value",)


def test_a_comment_line_may_be_the_header(tmp_path: Path) -> None:
    found = recorded(tmp_path, "# exported today\n# time,load\n60,1\n120,2\n")
    assert found.frame.names == ("load",)
    assert len(found.stamps) == 2


@pytest.mark.parametrize(
    "text",
    [
        "sep=,\nTime,load\n60,1.5\n120,2.5\n",
        "sep=;\r\nTime;load\r\n60;1,5\r\n120;2,5\r\n",
        "Time;load\n60;1,5\n120;2,5\n",
        '"Time","load"\n60,"1,5"\n120,"2,5"\n',
        "\ufeffTime\tload\r\n60\t1.5\r\n120\t2.5\r\n".encode("utf-16"),
        "# of the shop\nTime,load\n60,1.5\n\n# noon\n120,2.5\n,\n",
        "Time,load,\n60,1.5,\n120,2.5,\n",
        ",timestamp,load\n0,60,1.5\n1,120,2.5\n",
        "load,timestamp\n1.5,60\n2.5,120\n",
        "Time,Metric,Value\n60,load,1.5\n120,load,2.5\n",
    ],
)
def test_an_export_in_a_common_form_is_read(tmp_path: Path, text: str | bytes) -> None:
    found = recorded(tmp_path, text)
    assert found.frame.names == ("load",)
    assert found.frame.times.tolist() == [60, 120]
    assert values(found) == [[1.5], [2.5]]


@pytest.mark.parametrize(
    "text",
    [
        '"Time","a"\n60,1\n120,2\n\n"Time","b"\n120,4\n180,5\n',
        "Time,Metric,Value\n60,a,1\n120,a,2\n120,b,4\n180,b,5\n",
        "time,value,series\n120,4,b\n60,1,a\n180,5,b\n120,2,a\n",
    ],
)
def test_series_below_one_another_are_joined_by_their_times(tmp_path: Path, text: str) -> None:
    found = recorded(tmp_path, text)
    assert sorted(found.frame.names) == ["a", "b"]
    order = [found.frame.names.index(name) for name in ("a", "b")]
    assert [[row[at] for at in order] for row in values(found)] == [[1, None], [2, 4], [None, 5]]


def test_a_header_that_comes_again_goes_on_with_its_table(tmp_path: Path) -> None:
    assert values(recorded(tmp_path, "t,a\n60,1\nt,a\n120,2\n")) == [[1], [2]]


@pytest.mark.parametrize("column", ["", "index"])
def test_row_numbers_are_no_times(tmp_path: Path, column: str) -> None:
    told = refused(tmp_path, f"{column},a\n0,5\n1,6\n2,7\n")
    assert (
        "count the rows and are no times; name the column with the times by --time-column" in told
    )
    found = recorded(
        tmp_path, f"{column},when,a\n0,60,5\n1,120,6\n", ReadOptions(time_column="when")
    )
    assert found.frame.times.tolist() == [60, 120]


def test_a_name_that_is_there_twice_is_named(tmp_path: Path) -> None:
    assert "the column name 'a' twice" in refused(tmp_path, "t,a,a\n60,1,2\n120,1,2\n")


# Prometheus


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            (
                '{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":'
                '"up","job":"a"},"values":[[60,"1"],[120.781,"NaN"]]},{"metric":{"__name__":"up","job"'
                ':"b"},"values":[[60,"3"],[180,"4"]]}]}}'
            ),
            ('up{job="a"}', 'up{job="b"}'),
        ),
        (
            (
                '[{"metric":{"__name__":"up"},"values":[[60,"1"]]},{"metric":{},"values":[[60,"3"],'
                '[180,"4"]]}]'
            ),
            ("up", "value"),
        ),
        (
            (
                'up{job="a", zone="}"} =>\n1 @[60]\nNaN @[120.781]\n'
                'up{job="b", zone="}"} =>\n3 @[60]\n4 @[180]\n'
            ),
            ('up{job="a"}', 'up{job="b"}'),
        ),
        (
            (
                '# HELP up Whether it is.\n# TYPE up gauge\nup{job="a"} 1.0 60.0\n'
                'up{job="b"} 3 60\nup{job="b"} 4 180 # {trace="x"} 1\n# EOF\n'
            ),
            ('up{job="a"}', 'up{job="b"}'),
        ),
        (
            (
                '{__name__="up", job="a"} 1 1700000100000\n'
                '{__name__="up", job="b"} 3 1700000100000\n'
                '{__name__="up", job="b"} 4 1700000220000\n'
            ),
            ('up{job="a"}', 'up{job="b"}'),
        ),
    ],
)
def test_what_prometheus_tools_write_is_read(
    tmp_path: Path, text: str, names: tuple[str, ...]
) -> None:
    found = recorded(tmp_path, text)
    assert found.frame.names == names
    assert values(found)[0] == [1, 3]
    assert values(found)[-1] == [None, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"status":"error","error":"bad query"}', "answered with an error: bad query"),
        ('{"data":{"resultType":"vector","result":[]}}', "export a range with"),
        ('{"data":{"resultType":"matrix","result":[]}}', "there is no series in it"),
        ('{"a":', "line 1 is not JSON"),
        ('[{"metric":{},"histograms":[]}]', "series 1 has a native histogram"),
        ("# TYPE up gauge\nup 1\n", "line 2: 'up 1' has no time"),
        ("up =>\n1 @[60]\nnonsense\n", "line 3: 'nonsense' is neither a series"),
    ],
)
def test_what_prometheus_cannot_have_meant_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    assert message in refused(tmp_path, text)


# Numbers


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.234,5", "987"], [1234.5, 987]),
        (["1,234.5", "987"], [1234.5, 987]),
        (["1,234,567", "1,234"], [1234567, 1234]),
        (["1 234,5", "1\u202f234"], [1234.5, 1234]),
        (["1'234.5", "-12"], [1234.5, -12]),
        (["0,125", "1,250"], [0.125, 1.25]),
        (["45 ms", "0 ms"], [45, 0]),
        (["45 ms", "1.2 s", "50 ms"], [45, 1200, 50]),
        (["1.2 K", "987", "1.5 Mil"], [1200, 987, 1500000]),
        (["1.2K req/s", "987 req/s"], [1200, 987]),
        (["12%", "-", "8 %"], [12, None, 8]),
        (["1 KiB", "512 B", "2 KiB"], [1, 0.5, 2]),
        (["16.328 req/s", ""], [16.328, None]),
    ],
)
def test_numbers_are_read_as_people_and_dashboards_write_them(
    tmp_path: Path, cells: list[str], expected: list[float | None]
) -> None:
    lines = "".join(f'{60 * row}\t"{cell}"\n' for row, cell in enumerate(cells, start=1))
    assert values(recorded(tmp_path, "time\tload\n" + lines)) == [[one] for one in expected]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1,234", "2,345"], "line 2: column 'load': '1,234' is a thousand and more, or a number"),
        (["987", "1.234"], "line 3: column 'load': '1.234' is a thousand and more, or a number"),
        (["1,5", "2.75"], "line 3: column 'load': '2.75' is no number with ','"),
        (["45 ms", "50 ms", "3 req"], "line 4: column 'load': '3 req' has the unit 'req'"),
        (["45 ms", "50 ms", "3"], "line 4: column 'load': '3' has no unit, most rows"),
        (["5", "1_000"], "line 3: column 'load': '1_000' is no number"),
        (["5", "fast"], "line 3: column 'load': 'fast' is no number; leave a cell without"),
    ],
)
def test_a_number_with_two_meanings_is_refused(
    tmp_path: Path, cells: list[str], message: str
) -> None:
    lines = "".join(f'{60 * row}\t"{cell}"\n' for row, cell in enumerate(cells, start=1))
    assert message in refused(tmp_path, "time\tload\n" + lines)


def test_the_decimal_mark_can_be_given_and_is_taken_from_another_column(tmp_path: Path) -> None:
    text = "time;a;b\n60;1.234;1,5\n120;987;2,5\n"
    assert values(recorded(tmp_path, text)) == [[1234, 1.5], [987, 2.5]]
    unsure = "time;a\n60;1,234\n120;2,345\n"
    assert values(recorded(tmp_path, unsure, ReadOptions(decimal=","))) == [[1.234], [2.345]]
    assert values(recorded(tmp_path, unsure, ReadOptions(decimal="."))) == [[1234], [2345]]


def test_units_that_were_read_are_told_and_converted_to_the_services(tmp_path: Path) -> None:
    found = recorded(tmp_path, "time,a,b\n60,45 ms,12%\n120,2 s,13%\n180,50 ms,14%\n")
    assert found.notes == (
        "column 'a': the cells have units, values are in 'ms'; 1 cells were converted to it",
        "column 'b': the cells have units, values are in '%'",
    )
    assert found.units["a"].factor_to(Unit.SECONDS) == pytest.approx(1e-3)
    assert found.units["a"].factor_to(Unit.MILLISECONDS) == pytest.approx(1)
    assert found.units["b"].factor_to(Unit.RATIO) == pytest.approx(1e-2)
    assert found.units["b"].factor_to(Unit.COUNT) == 1


# Times


def hourly(*clocks: str) -> str:
    return "time,a\n" + "".join(f"{clock},{row}\n" for row, clock in enumerate(clocks))


AUTUMN = [f"2026-10-25 {clock}" for clock in ("01:30", "02:00", "02:30", "02:00", "02:30", "03:00")]


@pytest.mark.parametrize("newest_first", [False, True])
def test_both_passages_of_the_repeated_hour_are_kept(tmp_path: Path, newest_first: bool) -> None:
    """Midnight UTC of that day is two o'clock in Berlin, for the first time."""
    text = hourly(*(reversed(AUTUMN) if newest_first else AUTUMN))
    found = recorded(tmp_path, text, BERLIN)
    assert np.diff(found.frame.times).tolist() == [1800] * 5
    assert found.frame.times[1] == 1_792_886_400
    order = [0, 1, 2, 3, 4, 5]
    assert values(found) == [[one] for one in (order[::-1] if newest_first else order)]
    assert found.warnings == ()
    assert "times without a zone are read in Europe/Berlin (spec.timeZone)" in found.notes
    assert any(note.startswith("2 rows are the second passage") for note in found.notes)


def test_the_passages_are_told_apart_in_a_file_sorted_by_the_clock(tmp_path: Path) -> None:
    found = recorded(tmp_path, hourly(*sorted(AUTUMN)), BERLIN)
    assert values(found) == [[0], [1], [3], [2], [4], [5]]


def test_passages_that_nothing_tells_apart_are_counted(tmp_path: Path) -> None:
    shuffled = [AUTUMN[row] for row in (5, 1, 4, 0, 2, 3)]
    found = recorded(tmp_path, hourly(*shuffled), BERLIN)
    assert len(found.frame) == 6
    assert any(told.startswith("4 rows lie in an hour") for told in found.warnings)
    alone = recorded(tmp_path, hourly(*AUTUMN[:3], AUTUMN[5]), BERLIN)
    assert any(told.startswith("2 rows lie in an hour") for told in alone.warnings)


def test_times_in_the_hour_that_spring_skips_are_counted(tmp_path: Path) -> None:
    clocks = [f"2026-03-29 {clock}" for clock in ("01:00", "01:30", "02:00", "02:30", "03:00")]
    found = recorded(tmp_path, hourly(*clocks), BERLIN)
    assert any(
        told.startswith("2 rows lie in an hour that the clock skips") for told in found.warnings
    )
    assert recorded(tmp_path, hourly(*clocks)).frame.times.tolist()[-1] == 1_774_753_200


def test_a_zone_that_nobody_named_is_a_warning(tmp_path: Path) -> None:
    found = recorded(tmp_path, hourly("2026-10-05 02:00:00", "2026-10-05 02:30:00"))
    assert len(found.warnings) == 1
    assert "read as UTC" in found.warnings[0]
    assert "--time-zone" in found.warnings[0]
    assert recorded(tmp_path, hourly("1791158400", "2026-10-05T00:30:00Z")).warnings == ()


@pytest.mark.parametrize(
    "clocks",
    [
        ("1791158400000", "1791158700000"),
        ("2026-10-05T00:00:00.000Z", "2026-10-05T02:05:00+02:00"),
        ("05.10.2026 00:00", "05.10.2026 00:05"),
        ("2026/10/05 00:00:00", "2026/10/5 0:05"),
        ("10/5/2026 12:00 AM", "10/5/2026 12:05 AM", "10/13/2026 12:00 AM"),
        ("2026-10-05 00:00:00 UTC", "2026-10-05 00:05:00 +0000 UTC"),
    ],
)
def test_times_are_read_as_exports_write_them(tmp_path: Path, clocks: tuple[str, ...]) -> None:
    path = tmp_path / "data.csv"
    path.write_text(hourly(*clocks, *(str(1_791_158_700 + 300 * row) for row in range(1, 9))))
    assert read(path, 300, None).frame.times.tolist()[:2] == [1_791_158_400, 1_791_158_700]


def test_days_counted_by_a_spreadsheet_are_local_times(tmp_path: Path) -> None:
    found = recorded(tmp_path, "t,a\n46300,1\n46300.003472,2\n46300.006944,3\n")
    assert found.frame.times.tolist() == [1_791_158_400, 1_791_158_700, 1_791_159_000]
    assert "read as UTC" in found.warnings[0]
    seconds = recorded(tmp_path, "t,a\n46300,1\n46600,2\n46900,3\n")
    assert seconds.frame.times.tolist() == [46_500, 46_800, 47_100]


@pytest.mark.parametrize(
    ("clock", "message"),
    [
        ("10/05/2026 00:00", "line 3: column 'time': '10/05/2026 00:00' may be a day or a month"),
        ("31.02.2026", "'31.02.2026' is no time: day is out of range"),
        ("yesterday", "'yesterday' is neither ISO 8601 (2026-11-20T10:00:00Z) nor unix seconds"),
    ],
)
def test_a_time_that_cannot_be_read_is_named(tmp_path: Path, clock: str, message: str) -> None:
    assert message in refused(tmp_path, hourly("60", clock, "120"))


def test_date_and_time_in_two_columns_are_joined(tmp_path: Path) -> None:
    found = recorded(tmp_path, "Date,Time,a\n2026-10-05,00:00,1\n2026-10-05,00:05,2\n")
    assert found.frame.times.tolist() == [1_791_158_400, 1_791_158_700]


# Sampling


@pytest.mark.parametrize("step", [None, 3600])
@pytest.mark.parametrize(
    "days", [["2026-01-01", "2026-01-02", "2026-01-03"], ["20260101", "20260102", "20260103"]]
)
def test_daily_data_are_refused_whatever_the_step(
    tmp_path: Path, step: int | None, days: list[str]
) -> None:
    path = tmp_path / "data.csv"
    path.write_text(hourly(*days))
    with pytest.raises(RecordingError, match="daily data cannot be judged: rows are 1d apart"):
        read(path, step, None)


def test_an_uneven_sampling_is_described(tmp_path: Path) -> None:
    found = recorded(tmp_path, hourly("0", "61", "120", "181", "240", "840", "900"))
    assert found.frame.step == 60
    assert found.sampling.said == (
        "inferred: the median distance of rows; 83% of the distances are that, they go from 59s "
        "to 10m"
    )
    assert recorded(tmp_path, hourly("0", "60", "120")).sampling.said == "inferred"


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (60, "rows are 5m apart, so 80% of the windows of 1m have no row; give --step 5m"),
        (600, "rows are 5m apart; of each 10m the last row counts"),
    ],
)
def test_a_step_that_does_not_fit_the_rows_is_a_warning(
    tmp_path: Path, step: int, message: str
) -> None:
    path = tmp_path / "data.csv"
    path.write_text(hourly("0", "300", "600"))
    assert read(path, step, None).warnings == (message,)


def test_times_that_are_there_twice_are_counted(tmp_path: Path) -> None:
    found = recorded(tmp_path, hourly("60", "60", "120", "120", "180"))
    assert found.notes == (
        "2 rows have the time of another row of the file; of each time the last value counts",
    )
