"""One prompt with different golden answers: `conflicting_labels`.

Prompts are remembered as digests, the least recently seen forgotten first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from detector_runtime.training_run.rows import Example
from detector_runtime.training_run.thresholds import Thresholds
from detector_runtime.training_run.trigger import Action, Tier, Trigger


@dataclass(slots=True)
class Labels:
    """Digest of the golden answer, and whether it was answered with a high loss, by prompt."""

    known: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def step(
        self, step: int, example: Example, perfect_high: bool, thresholds: Thresholds
    ) -> Iterator[Trigger]:
        """The triggers of one more example; `perfect_high`: correct at a high loss."""
        if not example.prompt or not example.golden:
            return
        prompt, golden = _digest(example.prompt), _digest(example.golden.strip())
        before, was_high = self.known.pop(prompt, (golden, False))
        high = perfect_high or was_high
        self.known[prompt] = (golden, high)
        if len(self.known) > thresholds.prompts:
            del self.known[next(iter(self.known))]
        if before == golden:
            return
        yield Trigger(
            step=step,
            kind="conflicting_labels",
            name="conflicting_labels",
            tier=Tier.WARNING,
            action=Action.INVESTIGATE,
            message="a prompt came back with a different golden answer",
            advice="Remove duplicates with different answers from the training data.",
        )
        if high:
            yield Trigger(
                step=step,
                kind="data_quality_issue",
                name="data_quality_issue",
                tier=Tier.WARNING,
                action=Action.INVESTIGATE,
                message="a prompt with different golden answers was answered correctly at a high "
                "loss: the data contradict each other",
                advice="Clean the training data before the run goes on.",
            )


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
