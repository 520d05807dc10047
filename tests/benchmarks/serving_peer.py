"""scikit-learn and joblib behind the same application: what a model is usually served with.

`python -m tests.benchmarks.serving_peer FOLDER PORT`. The artefacts are those that a notebook
saves: fitted estimators in one joblib file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import uvicorn

from detector_runtime.contract.serving import Served
from detector_runtime.serving.app import build_app
from detector_runtime.serving.current import CurrentModel
from detector_runtime.serving.judgement import Judgement
from detector_runtime.serving.options import Bounds

ARTEFACTS = "ensemble.joblib"
MANY = Bounds(rate=1_000_000)


class SklearnVote:
    """The vote of the notebook: 1 where the forest or the factor says -1, or a |z| is above 3."""

    needs_history = False

    def __init__(self, folder: Path, version: str) -> None:
        self._fitted: dict[str, Any] = joblib.load(folder / ARTEFACTS)
        self.version = version
        self.features: tuple[str, ...] = tuple(self._fitted["names"])
        self.members = tuple(name for name in self._fitted if name != "names")

    def info(self) -> dict[str, Any]:
        return {"features": list(self.features), "members": list(self.members)}

    def judge(self, values: Any, times: Any) -> Judgement:
        said, voted = [], []
        for name in self.members:
            fitted = self._fitted[name]
            if name == "scaler":
                own = np.abs(fitted.transform(values)).max(axis=1)
                vote = own > 3.0
            else:
                own = -fitted.score_samples(values)
                vote = own > -fitted.offset_
            said.append(own)
            voted.append(vote)
        votes = np.array(voted)
        anomalous = 2 * votes.sum(axis=0) > len(votes)
        score = votes.mean(axis=0)
        return Judgement(anomalous, score, self.members, np.ones_like(votes), votes, np.array(said))

    def judge_after(self, history: Any, values: Any, time: int) -> Judgement:
        return self.judge(values[None], np.array([time]))


def main(folder: Path, port: int) -> None:
    def load(served: Served) -> SklearnVote:
        return SklearnVote(folder, served.revision)

    app = build_app(CurrentModel(folder / "served.json", load), MANY, "peer")
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
