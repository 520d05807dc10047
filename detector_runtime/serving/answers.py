"""From judgements to the documents that clients get."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from detector_runtime.serving.judgement import Judgement
from detector_runtime.serving.observation import FieldError

Document = dict[str, Any]


def results(judgement: Judgement, identifiers: Sequence[str]) -> list[Document]:
    """One document an observation. `confidence`: the share of the members with a word that agree
    with the verdict."""
    anomalous, score = judgement.anomalous.tolist(), judgement.score.tolist()
    present, voted = judgement.present.T.tolist(), judgement.voted.T.tolist()
    surprise = judgement.surprise.T.tolist()
    found: list[Document] = []
    for number, identifier in enumerate(identifiers):
        members = {
            name: {"anomalous": vote, "score": round(own, 4)}
            for name, here, vote, own in zip(
                judgement.members, present[number], voted[number], surprise[number], strict=True
            )
            if here
        }
        count, votes = len(members), sum(voted[number])
        agreeing = votes if anomalous[number] else count - votes
        found.append(
            {
                "observation_id": identifier,
                "is_anomaly": anomalous[number],
                "confidence": round(agreeing / count, 4),
                "votes": votes,
                "voters": count,
                "anomaly_score": round(score[number], 4),
                "members": members,
            }
        )
    return found


def answer(status: int, document: Document, headers: Mapping[str, str] | None = None) -> Response:
    """`document` as JSON, every character in ASCII."""
    body = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    return Response(body, status, dict(headers or {}), "application/json")


def refusal(status: int, reason: str, retry_after: int | None = None) -> Response:
    """Why there is no answer, and when to come again."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return answer(status, {"detail": reason}, headers)


def field_refusal(error: FieldError) -> Response:
    """422 with the field, in the form that FastAPI gives."""
    problem = {"loc": list(error.loc), "msg": error.message, "type": "value_error"}
    return answer(422, {"detail": [problem]})
