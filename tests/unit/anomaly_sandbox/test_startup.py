"""What the sandbox waits for before it goes on."""

from __future__ import annotations

from pathlib import Path

from anomaly_sandbox.startup import written

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def test_a_certificate_counts_as_written_only_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "apiserver.crt"
    assert not written(file)
    for part in ("", PEM[:20], PEM[:-10]):
        file.write_text(part)
        assert not written(file)
    file.write_text(PEM)
    assert written(file)
