"""A network with one hidden layer and one softmax for each digit of the answer, trained by
stochastic gradient descent with momentum. Plain numpy; it reads no clock and draws no numbers
but its first weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anomaly_sandbox.demo_training.sums import ANSWER_DIGITS, DIGITS, INPUTS, Floats, Ints

_HIDDEN = 64
_MOMENTUM = 0.9
_OUTPUTS = ANSWER_DIGITS * DIGITS
SHAPES = {
    "hidden": (INPUTS, _HIDDEN),
    "hidden_bias": (_HIDDEN,),
    "output": (_HIDDEN, _OUTPUTS),
    "output_bias": (_OUTPUTS,),
}


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """`weights` and their `velocities` by the names of SHAPES; `descend` changes them in place."""

    weights: dict[str, Floats]
    velocities: dict[str, Floats]

    @classmethod
    def fresh(cls, seed: int) -> Network:
        draw = np.random.default_rng((seed, 1))
        weights = {name: np.zeros(shape) for name, shape in SHAPES.items()}
        # He et al. 2015: variance 2 / inputs that are on, of which a one-hot prompt has four.
        weights["hidden"] += draw.normal(size=SHAPES["hidden"]) * np.sqrt(2 / 4)
        weights["output"] += draw.normal(size=SHAPES["output"]) / np.sqrt(_HIDDEN)
        return cls(weights, {name: np.zeros(shape) for name, shape in SHAPES.items()})

    def log_probabilities(self, inputs: Floats) -> Floats:
        """(n, 2, 10): of each digit at each place of the answer."""
        return self._forward(inputs)[1]

    def descend(self, inputs: Floats, golden: Ints, rate: float) -> Floats:
        """One step on a batch; the log-probabilities (n, 2, 10) from before it."""
        hidden, log_probabilities = self._forward(inputs)
        error = np.exp(log_probabilities)
        np.put_along_axis(error, golden[:, :, None], _taken(error, golden) - 1, axis=2)
        error = error.reshape(len(inputs), _OUTPUTS) / (ANSWER_DIGITS * len(inputs))
        back = (error @ self.weights["output"].T) * (hidden > 0)
        gradients = {
            "hidden": inputs.T @ back,
            "hidden_bias": back.sum(axis=0),
            "output": hidden.T @ error,
            "output_bias": error.sum(axis=0),
        }
        for name, gradient in gradients.items():
            velocity = self.velocities[name]
            velocity *= _MOMENTUM
            velocity += gradient
            self.weights[name] -= rate * velocity
        return log_probabilities

    def _forward(self, inputs: Floats) -> tuple[Floats, Floats]:
        weights = self.weights
        hidden = np.maximum(inputs @ weights["hidden"] + weights["hidden_bias"], 0)
        scores = (hidden @ weights["output"] + weights["output_bias"]).reshape(
            len(inputs), ANSWER_DIGITS, DIGITS
        )
        scores -= scores.max(axis=2, keepdims=True)
        return hidden, scores - np.log(np.exp(scores).sum(axis=2, keepdims=True))


def losses(log_probabilities: Floats, golden: Ints) -> Floats:
    """(n,): mean cross-entropy over the digits of each answer, in nats."""
    mean: Floats = -_taken(log_probabilities, golden)[:, :, 0].mean(axis=1)
    return mean


def answers(log_probabilities: Floats) -> Ints:
    """(n, 2): the likeliest digits."""
    likeliest: Ints = log_probabilities.argmax(axis=2)
    return likeliest


def _taken(values: Floats, golden: Ints) -> Floats:
    return np.take_along_axis(values, golden[:, :, None], axis=2)
