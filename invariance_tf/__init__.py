"""Robustness to transformations across categories, in Keras.

The public names load when they are first used, so that `--help` does not wait
for TensorFlow.
"""

import importlib

__version__ = "0.1.0"

_MODULES = (
    "categories",
    "config",
    "datasets",
    "evaluation",
    "experiment",
    "figures",
    "model",
    "networks",
    "pipeline",
    "preparation",
    "provenance",
    "results",
    "training",
    "transforms",
)
_NAMES = {"Experiment": "config", "run": "experiment"}

__all__ = [*_MODULES, *_NAMES]


def __getattr__(name):
    if name in _NAMES:
        module = importlib.import_module(f"invariance_tf.{_NAMES[name]}")
        return vars(module)[name]
    if name in _MODULES:
        return importlib.import_module(f"invariance_tf.{name}")
    raise AttributeError(f"module 'invariance_tf' has no attribute {name!r}")


def __dir__():
    return [*globals(), *__all__]
