"""Measurements of speed: `python -m benchmarks NAME`."""

# Before TensorFlow, which it tells to use oneDNN.
import invariance_tf  # noqa: F401
