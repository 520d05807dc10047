"""Rows that are read, generated and split: what is left out, and what is refused with which
words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anomaly_cli.evaluation.generator import KINDS, generated
from anomaly_cli.evaluation.labelled import Labelled, split
from anomaly_cli.evaluation.labelled_csv import Reading, read
from anomaly_cli.refusal import InputError


def written(folder: Path, text: str) -> Path:
    path = folder / "rows.csv"
    path.write_text(text)
    return path


def table(labels: list[int], columns: int = 2) -> Labelled:
    values = np.random.default_rng(1).normal(size=(len(labels), columns))
    names = tuple(f"c{number}" for number in range(columns))
    return Labelled(values, np.array(labels, dtype=np.int64), ("anomaly",), names)


def test_the_generator_has_500_anomalies_of_three_kinds_and_a_seed_names_its_rows() -> None:
    data = generated(42)
    assert data.values.shape == (10_000, 8)
    assert np.bincount(data.kinds).tolist() == [9500, 166, 166, 168]
    assert data.names == KINDS
    spikes = np.abs(data.values[data.kinds == 1])
    assert 4 <= spikes.min() <= spikes.max() <= 9
    assert (data.values[data.kinds == 1] < 0).mean() == pytest.approx(0.5, abs=0.05)
    normal = np.cov(data.values[data.kinds == 0].T)
    assert np.diag(normal) == pytest.approx(np.full(8, 0.8), abs=0.05)
    assert np.diag(normal, 1) == pytest.approx(np.full(7, 0.3), abs=0.05)
    centre = data.values[data.kinds == 3].mean(axis=0)
    assert ((centre > 2.8) & (centre < 5.2)).all()
    np.testing.assert_array_equal(data.values, generated(42).values)
    assert not np.array_equal(data.values, generated(43).values)


def test_the_split_keeps_the_order() -> None:
    data = table([0, 1] * 50)
    found = split(data)
    assert [len(part) for _, part in found.parts()] == [60, 20, 20]
    centre, scale = data.values[:60].mean(axis=0), data.values[:60].std(axis=0)
    np.testing.assert_allclose(found.report.values, (data.values[80:] - centre) / scale)
    np.testing.assert_array_equal(found.fixed.kinds, data.kinds[:80])


def test_columns_of_one_unit_stay_as_they_are() -> None:
    data = generated(1)
    np.testing.assert_array_equal(split(data).train.values, data.values[:6000])


def test_a_constant_column_is_left_out_and_told() -> None:
    data = table([0, 1] * 50)
    data.values[:60, 0] = 7
    found = split(data)
    assert found.constant == ("c0",)
    assert found.train.columns == ("c1",)
    data.values[:60, 1] = 7
    with pytest.raises(InputError, match="no column changes in the first 60 rows"):
        split(data)


def test_a_part_of_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="the report part has 0 anomalies in 20 rows"):
        split(table([0, 1] * 40 + [0] * 20))
    with pytest.raises(InputError, match="the tune part has 20 anomalies in 20 rows"):
        split(table([0] * 60 + [1] * 20 + [0, 1] * 10))


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="40 rows leave 24 to train on; at least 50"):
        split(table([0, 1] * 20))


def test_a_file_becomes_rows_and_what_is_left_out_is_told(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "time,host,id,cpu,memory,kind\n"
        "2026-01-01T00:00:00Z,a,1,0.5,3,normal\n"
        "2026-01-01T00:01:00Z,a,2,,4,normal\n"
        "2026-01-01T00:02:00Z,b,3,0.7,5,Spike\n"
        "2026-01-01T00:03:00Z,b,4,0.6,4,drift\n"
        "2026-01-01T00:04:00Z,b,5,0.6,inf,normal\n"
        "2026-01-01T00:05:00Z,b,6,0.9,4,\n",
    )
    found = read(path, Reading("kind"))
    assert found.columns == ("id", "cpu", "memory")
    assert found.values.tolist() == [[1, 0.5, 3], [3, 0.7, 5], [4, 0.6, 4]]
    assert found.kinds.tolist() == [0, 2, 1]
    assert found.names == ("drift", "spike")
    assert found.notes == (
        "columns without numbers left out: time, host",
        "rows without a label left out: 1",
        "rows with a missing or infinite value left out: 2",
        "rising with every row: id. If that is a time or a row number, leave it out with --ignore",
    )
    assert read(path, Reading("kind", ignored=("id",))).columns == ("cpu", "memory")


@pytest.mark.parametrize("one", ["1", "1.0", "true", "YES", "Anomaly", "outlier"])
def test_labels_that_name_no_kind(tmp_path: Path, one: str) -> None:
    path = written(tmp_path, f"a,y\n1,0\n3,{one}\n2,0\n")
    found = read(path, Reading("y"))
    assert (found.kinds.tolist(), found.names) == ([0, 1, 0], ("anomaly",))


def test_another_label_of_normal_rows_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "a,y\n1,1\n3,-1\n2,1\n")
    found = read(path, Reading("y", normal="1"))
    assert (found.kinds.tolist(), found.names) == ([0, 1, 0], ("-1",))


@pytest.mark.parametrize(
    ("text", "reading", "words"),
    [
        ("a,y\n", Reading("y"), "has no rows below a header"),
        ("a,y\n1,0\n", Reading("z"), "--labels: no column is called 'z'; the columns are a, y"),
        ("a,y\n1,0\n", Reading("y", ignored=("b",)), "--ignore: no column is called 'b'"),
        ("a,y\n1,0\n", Reading("y", ignored=("y",)), "'y' is the label column"),
        ("a,a,y\n1,2,0\n", Reading("y"), "two columns called 'a'; rename one"),
        ("a,y\n1,0\n2\n", Reading("y"), "line 3 has 1 cells, the header has 2"),
        ("a,y\n1,0\nx,1\n", Reading("y"), "line 3, column 'a': 'x' is no number; leave a cell"),
        ("a,y\nx,0\nz,1\n", Reading("y"), "0 columns with numbers beside 'y'"),
        ("a,y\n1,0\n2,0\n", Reading("y"), "--labels y: all rows are normal"),
        ("a,y\n1,1\n2,-1\n", Reading("y"), "its values are -1, 1. Name the one of normal rows"),
        ("a,y\n1,1\n2,0\n", Reading("y", normal="ok"), "--normal: no row has the label 'ok'"),
        ("a,y\n1,1\n2,0\n3,yes\n", Reading("y"), "1, yes mean the same; use one of them"),
        ("a,y\n,1\n,0\n", Reading("y"), "0 columns with numbers"),
        ("a,b,y\n1,,1\n,2,0\n", Reading("y"), "no row has a label and a number in every column"),
        ("a,y\n" + "".join(f"1,{n}\n" for n in range(30)), Reading("y"), "29 kinds of anomalies"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    tmp_path: Path, text: str, reading: Reading, words: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=r"rows\.csv: ") as refused:
        read(path, reading)
    assert words in str(refused.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(b"\x1f\x8b\x08\x00")
    with pytest.raises(InputError, match="is a gzip file"):
        read(path, Reading("y"))
