"""The OpenAPI document, made for the model that answers: it names that model's features.

Written by hand, because the features are known only at run time and a client should see them with
their names. A swap to a model of other metrics changes the document.
"""

from __future__ import annotations

from typing import Any

from detector_runtime.serving.judgement import Scorer
from detector_runtime.serving.observation import MAX_ID, MAX_ROWS, MAX_TIME, MAX_VALUE
from detector_runtime.serving.options import Auth

Schema = dict[str, Any]

_COUNT = {"type": "integer", "minimum": 0}
_SECONDS = {"type": "number", "minimum": 0}
_SCORE = {"type": "number", "minimum": 0, "maximum": 10}


def openapi(version: str, scorer: Scorer | None, auth: Auth) -> Schema:
    """The document; without a model (`scorer` None) any feature name is shown as taken."""
    schemes = {"bearer": {"type": "http", "scheme": "bearer"}}
    secured = auth is not Auth.NONE
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Anomaly detection of one service",
            "version": version,
            "description": "Judges observations by the service's trained model.",
        },
        "paths": _paths(secured),
        "components": {
            "schemas": _schemas(scorer),
            **({"securitySchemes": schemes} if secured else {}),
        },
    }


def _paths(secured: bool) -> Schema:
    security: list[Schema] = [{"bearer": []}] if secured else []

    def operation(summary: str, name: str, responses: Schema, body: str = "") -> Schema:
        found: Schema = {"summary": summary, "operationId": name, "responses": responses}
        if body:
            found["requestBody"] = {"required": True, "content": _json(body)}
        if security:
            found["security"] = security
        return found

    refusals = {
        "429": _said("Too many requests a second; come again after `Retry-After`"),
        "503": _said("No model yet, or too many requests at once; come again after `Retry-After`"),
        **({"401": _said("No valid bearer token")} if secured else {}),
    }
    bodies = {
        "413": _said("The body is larger than the server takes"),
        "422": _told("A field that cannot be taken", "Invalid"),
    }
    job = operation("A job and its results", "job", {"200": _told("The job", "Job"), **refusals})
    job["responses"]["404"] = _said("Unknown, of another replica, or over for 300 s")
    job["parameters"] = [
        {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string"}}
    ]
    text = {"description": "Prometheus text format", "content": {"text/plain": {}}}
    open_to_all = {
        "/health": _get("Whether the process lives", "health", {"200": _told("Yes", "Health")}),
        "/ready": _get(
            "Whether a model answers",
            "ready",
            {"200": _told("Yes", "Ready"), "503": _told("No", "Ready")},
        ),
        "/metrics": _get("Metrics for Prometheus", "metrics", {"200": text}),
    }
    return {
        **open_to_all,
        "/model/info": {
            "get": operation(
                "The model that answers",
                "modelInfo",
                {"200": _told("The model", "ModelInfo"), **refusals},
            )
        },
        "/predict": {
            "post": operation(
                "Judge one observation",
                "predict",
                {"200": _told("The verdict", "Prediction"), **bodies, **refusals},
                "Observation",
            )
        },
        "/predict/batch": {
            "post": operation(
                f"Judge at most {MAX_ROWS} observations, each by itself",
                "predictBatch",
                {"200": _told("The verdicts, in order", "Predictions"), **bodies, **refusals},
                "Batch",
            )
        },
        "/predict/async": {
            "post": operation(
                "The same as a job whose results are kept for 300 s",
                "predictAsync",
                {"202": _told("The job", "Job"), **bodies, **refusals},
                "Batch",
            )
        },
        "/jobs/{job_id}": {"get": job},
    }


def _get(summary: str, name: str, responses: Schema) -> Schema:
    return {"get": {"summary": summary, "operationId": name, "responses": responses}}


def _schemas(scorer: Scorer | None) -> Schema:
    names = list(scorer.features) if scorer is not None else []
    value = {"type": "number", "minimum": -MAX_VALUE, "maximum": MAX_VALUE}
    features: Schema = {"type": "object", "additionalProperties": value}
    if scorer is not None:
        features = {
            "type": "object",
            "properties": dict.fromkeys(names, value),
            "required": names,
            "additionalProperties": False,
        }
    single = {
        "features": _ref("Features"),
        "observation_id": {"type": "string", "minLength": 1, "maxLength": MAX_ID},
        "time": {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_TIME,
            "description": "End of the window in unix seconds; without it, now",
        },
    }
    history = {
        "type": "array",
        "maxItems": MAX_ROWS,
        "items": _ref("Features"),
        "description": "The windows right before this one, oldest first; needs `time`",
    }
    needed = ["features", "time", "history"] if scorer and scorer.needs_history else ["features"]
    verdict = {
        "observation_id": {"type": "string"},
        "is_anomaly": {"type": "boolean"},
        "confidence": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "Share of the voters that agree with the verdict",
        },
        "votes": {**_COUNT, "description": "Members that call the observation anomalous"},
        "voters": {**_COUNT, "description": "Members with a word; the others abstained"},
        "anomaly_score": {**_SCORE, "description": "-log10 of the probability, at most 10"},
        "members": {
            "type": "object",
            "additionalProperties": _object(
                {"anomalous": {"type": "boolean"}, "score": {"type": "number", "minimum": 0}}
            ),
        },
    }
    model = {"model_version": {"type": "string"}, "inference_ms": _SECONDS}
    return {
        "Features": features,
        "Observation": {
            "type": "object",
            "properties": {**single, "history": history},
            "required": needed,
            "dependentRequired": {"history": ["time"]},
            "additionalProperties": False,
        },
        "Batch": _object(
            {
                "observations": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_ROWS,
                    "items": {
                        "type": "object",
                        "properties": single,
                        "required": ["features"],
                        "additionalProperties": False,
                    },
                }
            }
        ),
        "Prediction": _object({**verdict, **model}),
        "Predictions": _object({"results": {"type": "array", "items": _object(verdict)}, **model}),
        "Job": {
            "type": "object",
            "properties": {
                "job_id": {"type": "string"},
                "state": {"enum": ["Pending", "Done", "Failed"]},
                "result": _ref("Predictions"),
                "error": {"type": "string"},
            },
            "required": ["job_id", "state"],
        },
        "ModelInfo": {"type": "object", "required": ["model_version", "features", "members"]},
        "Health": _object({"status": {"const": "ok"}}),
        "Ready": {
            "type": "object",
            "properties": {
                "ready": {"type": "boolean"},
                "model_version": {"type": "string"},
                "reason": {"type": "string"},
            },
            "required": ["ready"],
        },
        "Refusal": _object({"detail": {"type": "string"}}),
        "Invalid": _object({"detail": {"type": "array", "items": _ref("Problem")}}),
        "Problem": _object(
            {
                "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                "msg": {"type": "string"},
                "type": {"type": "string"},
            }
        ),
    }


def _object(properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(name: str) -> Schema:
    return {"application/json": {"schema": _ref(name)}}


def _told(description: str, name: str) -> Schema:
    return {"description": description, "content": _json(name)}


def _said(description: str) -> Schema:
    return _told(description, "Refusal")
