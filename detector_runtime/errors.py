"""Why a run ended early, in the words that the operator shows as a condition reason.

Each error carries its `RunOutcome`, the exit code that tells the Job whether another try can help,
and a message of one line that names the object, the value and the next step. Messages hold nothing
that changes from run to run (no durations, no counts of tries), because a changed message is a
write to the API server. They never hold credentials.
"""

from __future__ import annotations

from typing import ClassVar

from detector_runtime.contract.vocabulary import ExitCode, RunOutcome

MAX_MESSAGE = 400


def one_line(text: str, limit: int = MAX_MESSAGE) -> str:
    """`text` as one printable line of at most `limit` characters."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= limit else flat[: limit - 3] + "..."


class RunError(Exception):
    """A run that could not do its work; the message is for people."""

    outcome: ClassVar[RunOutcome] = RunOutcome.INTERNAL_ERROR
    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class ConfigInvalidError(RunError):
    """The RunConfig cannot be carried out as it stands."""

    outcome = RunOutcome.INVALID_CONFIG
    exit_code = ExitCode.INVALID


class QueryInvalidError(RunError):
    """The source refused a query, or it gives other than one series."""

    outcome = RunOutcome.INVALID_QUERY
    exit_code = ExitCode.INVALID


class NoDataError(RunError):
    """Every query is accepted and none returns a value."""

    outcome = RunOutcome.NO_DATA
    exit_code = ExitCode.SOURCE_UNAVAILABLE


class SourceUnavailableError(RunError):
    """The source cannot be reached or does not answer as a metrics source does."""

    outcome = RunOutcome.SOURCE_UNAVAILABLE
    exit_code = ExitCode.SOURCE_UNAVAILABLE


class SourceUnauthorizedError(RunError):
    """The source refuses the credentials."""

    outcome = RunOutcome.SOURCE_UNAUTHORIZED
    exit_code = ExitCode.INVALID


class SecretMissingError(RunError):
    """The source wants credentials and the mounted Secret does not hold them."""

    outcome = RunOutcome.SECRET_MISSING
    exit_code = ExitCode.INVALID


class AddressRefusedError(RunError):
    """The source's URL leads where a runner must not go."""

    outcome = RunOutcome.ADDRESS_REFUSED
    exit_code = ExitCode.INVALID


class ResponseTooLargeError(RunError):
    """An answer exceeds the admin's `maxResponseBytes`."""

    outcome = RunOutcome.RESPONSE_TOO_LARGE
    exit_code = ExitCode.INVALID


class ModelRefusedError(RunError):
    """A model directory that is damaged, foreign, of a newer format or not ours to read."""

    outcome = RunOutcome.MODEL_REFUSED
    exit_code = ExitCode.MODEL_REFUSED


class ModelMissingError(RunError):
    """The revision that RunConfig names is not on the volume."""

    outcome = RunOutcome.MODEL_MISSING
    exit_code = ExitCode.MODEL_REFUSED


class StorageFullError(RunError):
    """The model volume has no room."""

    outcome = RunOutcome.STORAGE_FULL
    exit_code = ExitCode.STORAGE_FULL


class ApiUnavailableError(RunError):
    """The API server cannot be reached; the windows are scored by the next run."""

    exit_code = ExitCode.API_UNAVAILABLE


class ApiRefusedError(RunError):
    """The API server refuses this run for good (403, 422, another format)."""

    outcome = RunOutcome.INVALID_CONFIG
    exit_code = ExitCode.INVALID


class ServiceGoneError(Exception):
    """The AnomalyService was deleted or made anew: nothing is left to do, which is no failure."""
