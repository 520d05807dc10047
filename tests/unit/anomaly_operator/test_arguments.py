"""The operator's command line."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from anomaly_operator import arguments


def test_the_version_is_shown_without_a_settings_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments.parse(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"anomaly-operator {version('anomaly-operator')}\n"
