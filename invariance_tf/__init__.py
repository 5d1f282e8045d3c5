"""Robustness to transformations across categories, in Keras.

The public names load when they are first used, so that `--help` does not wait
for TensorFlow.
"""

import importlib
import os
import platform
import sys

__version__ = "0.1.0"

# TensorFlow leaves oneDNN off on x86 processors without AVX512-VNNI, where
# networks train up to four times as fast with it (docs/performance.md). It
# reads this variable once, when it is imported.
_is_x86 = platform.machine() in ("x86_64", "AMD64")
if _is_x86 and "tensorflow" not in sys.modules:
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# The module of each public name, and its name there; `None`: the module itself.
_PLACES = {
    "Experiment": ("settings.config", "Experiment"),
    "ablation": ("measures.ablation", None),
    "accuracies": ("runs.accuracies", None),
    "activations": ("measures.activations", None),
    "analysis": ("runs.analysis", None),
    "calibration": ("runs.calibration", None),
    "categories": ("paradigm.categories", None),
    "claims": ("paper.claims", None),
    "cluster_neurons": ("measures.clusters", "cluster_neurons"),
    "clusters": ("measures.clusters", None),
    "config": ("settings.config", None),
    "datasets": ("datasets", None),
    "decoding": ("measures.decoding", None),
    "defaults": ("settings.defaults", None),
    "evaluation": ("measures.evaluation", None),
    "experiment": ("runs.experiment", None),
    "figures": ("drawing", None),
    "intervals": ("measures.intervals", None),
    "invariance": ("measures.invariance", None),
    "load_runs": ("paper.tables", "load_runs"),
    "measure_invariance": ("measures.measurement", "measure_invariance"),
    "measurement": ("measures.measurement", None),
    "model": ("paradigm.model", None),
    "networks": ("networks", None),
    "pipeline": ("paradigm.pipeline", None),
    "population": ("measures.population", None),
    "population_measures": ("measures.population_measures", None),
    "preparation": ("runs.preparation", None),
    "provenance": ("runs.provenance", None),
    "report": ("paper.report", None),
    "responses": ("measures.responses", None),
    "results": ("files", None),
    "run": ("runs.experiment", "run"),
    "splits": ("paradigm.splits", None),
    "studies": ("paper.studies", None),
    "tables": ("paper.tables", None),
    "training": ("training", None),
    "transforms": ("transforms", None),
}

__all__ = [*_PLACES]


def __getattr__(name):
    if name not in _PLACES:
        raise AttributeError(
            f"module 'invariance_tf' has no attribute {name!r}"
        )
    place, member = _PLACES[name]
    module = importlib.import_module(f"invariance_tf.{place}")
    return getattr(module, member) if member else module


def __dir__():
    return [*globals(), *__all__]


# Keras can load a saved model only if the classes of its layers are registered,
# which takes an imported Keras.
_WITH_REGISTERED_CLASSES = (
    "transforms",
    "paradigm.model",
    "paradigm.pipeline",
    "networks",
    "training",
)


def _register_classes():
    for name in ("transforms", "paradigm.model", "networks", "training"):
        importlib.import_module(f"invariance_tf.{name}")


class _KerasWatcher:
    """Registers the package's classes as soon as Keras is imported."""

    def find_spec(self, name, path=None, target=None):
        inside = name.removeprefix("invariance_tf.")
        if name != inside and "keras" not in sys.modules:
            # Registering imports these modules, so it must come first: it
            # would find this one half imported.
            if inside.startswith(_WITH_REGISTERED_CLASSES):
                importlib.import_module("keras")
        if name != "keras":
            return None
        # Not at the top, where it would take a while, in which Ctrl-C ends in a
        # traceback.
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        spec = find_spec("keras")
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
