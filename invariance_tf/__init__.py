"""Robustness to transformations across categories, in Keras.

The public names load when they are first used, so that `--help` does not wait
for TensorFlow.
"""

import importlib
import importlib.abc
import importlib.util
import sys

__version__ = "0.1.0"

_MODULES = (
    "ablation",
    "accuracies",
    "activations",
    "analysis",
    "calibration",
    "categories",
    "claims",
    "config",
    "datasets",
    "defaults",
    "evaluation",
    "experiment",
    "figures",
    "intervals",
    "invariance",
    "measurement",
    "model",
    "networks",
    "pipeline",
    "preparation",
    "provenance",
    "report",
    "responses",
    "results",
    "splits",
    "studies",
    "tables",
    "training",
    "transforms",
)
_NAMES = {
    "Experiment": "config",
    "load_runs": "tables",
    "measure_invariance": "measurement",
    "run": "experiment",
}

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


# Keras loads a saved model only if the classes of its layers are registered,
# and they cannot be before Keras itself is there.
_WITH_REGISTERED_CLASSES = ("transforms", "model", "networks", "training")


def _register_classes():
    for name in _WITH_REGISTERED_CLASSES:
        importlib.import_module(f"invariance_tf.{name}")


class _KerasWatcher(importlib.abc.MetaPathFinder):
    """Registers the package's classes as soon as Keras is imported."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith("invariance_tf.") and "keras" not in sys.modules:
            # Before the module begins, so that registering, which imports
            # the same modules, does not find it half-way.
            if name.split(".")[1] in _WITH_REGISTERED_CLASSES:
                importlib.import_module("keras")
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec("keras")
        sys.meta_path.insert(0, self)
        if spec is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_register(module):
            sys.meta_path.remove(self)
            execute(module)
            _register_classes()

        spec.loader.exec_module = execute_and_register
        return spec


if "keras" in sys.modules:
    _register_classes()
else:
    sys.meta_path.insert(0, _KerasWatcher())
