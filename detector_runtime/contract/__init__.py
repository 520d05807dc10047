"""What operator and pods say to one another, and nothing else.

Three documents cross the border: `RunConfig` (operator to pod, a mounted file), `TrainReport`
(training pod to operator, the termination message) and `Detection` (scoring pod to operator,
`.status.detection`). Standard library only, so that the operator never imports numpy and the
scoring pod never imports a Kubernetes client.
"""
