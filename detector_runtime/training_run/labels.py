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
    """By the digest of a prompt (64 bits): that of its golden answer (31 bits), and in the lowest
    bit whether it was answered correctly at a high loss. Two answers share a digest once in two
    billion."""

    known: dict[int, int] = field(default_factory=dict)

    def step(
        self, step: int, example: Example, perfect_high: bool, thresholds: Thresholds
    ) -> Iterator[Trigger]:
        """The triggers of one more example; `perfect_high`: correct at a high loss."""
        if not example.prompt or not example.golden:
            return
        prompt, golden = _digest(example.prompt, 8), _digest(example.golden.strip(), 4) >> 1
        before = self.known.pop(prompt, golden << 1)
        high = perfect_high or bool(before & 1)
        self.known[prompt] = golden << 1 | high
        if len(self.known) > thresholds.prompts:
            del self.known[next(iter(self.known))]
        if before >> 1 == golden:
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


def _digest(text: str, size: int) -> int:
    """`size` in bytes."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()
    return int.from_bytes(digest, "little")
