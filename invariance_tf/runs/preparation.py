"""Resolves an experiment: loads its data and builds its network."""

import contextlib
import dataclasses
import logging
import math
import os
import re
import time
from typing import Any

import numpy as np

from invariance_tf import datasets, transforms
from invariance_tf.measures import (
    activations,
    passes,
    population_measures,
    responses,
)
from invariance_tf.paradigm import categories, phases, pipeline
from invariance_tf.paradigm import model as models
from invariance_tf.runs import found, images, network_building, strengths
from invariance_tf.settings import (
    calibrated,
    checks,
    config,
    defaults,
    families,
    names,
)
from invariance_tf.training import devices, episodes, precision

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """Holds an experiment with its data and untrained network.

    Attributes:
        experiment: The resolved `config.Experiment`.
        dataset: A `datasets.Dataset`.
        seen_with: Dictionary from the transformations that are trained to
            boolean arrays of shape `(num_categories,)`: the categories that
            are seen with it.
        parts: Array of `num_images` strings: train, validation, test, or why
            the image is in none of them (see `splits.divide`).
        model: The untrained Keras model.
        near_copies: Integer array of shape `(num_pairs, 2)`; see
            `splits.find_near_copies`.
        seconds: Dictionary from finished stages to their duration.
        run_dir: Path of the run directory.
    """

    experiment: config.Experiment
    dataset: datasets.Dataset
    seen_with: dict
    parts: np.ndarray
    model: Any
    near_copies: np.ndarray
    seconds: dict
    run_dir: str

    @property
    def is_seen(self):
        """Boolean array: the categories that are seen transformed at all."""
        return np.any([*self.seen_with.values()], axis=0)

    def groups(self, transform):
        """Returns the categories as a test with a transformation groups them.

        Args:
            transform: String, its name.

        Returns:
            Two boolean arrays of shape `(num_categories,)`: those that are
            seen with it, and those that are only seen with others. If it is
            not trained, those seen with any are the first.
        """
        is_seen = self.seen_with.get(transform, self.is_seen)
        return is_seen, self.is_seen & ~is_seen

    def path(self, name):
        """Returns the path of a file of the run."""
        return os.path.join(self.run_dir, name)

    def positions(self, part):
        """Returns the indices of the train, validation or test images."""
        return np.flatnonzero(self.parts == part)

    def part(self, name):
        """Returns the images and labels of a part."""
        positions = self.positions(name)
        taken = datasets.take(self.dataset.images, positions)
        return taken, self.dataset.labels[positions]

    def phases(self):
        """Returns the phases of the training."""
        return phases.list_phases(self.experiment.paradigm, self.is_seen)

    def trained_transforms(self):
        """Returns the transformations that are trained, by name."""
        layer = activations.transform_of(self.model)
        parts = layer.parts if len(self.seen_with) > 1 else [layer]
        return dict(zip(self.seen_with, parts, strict=True))

    def test_transforms(self):
        """Returns the transformations to test with, by name."""
        return _further_tests(self.experiment) | self.trained_transforms()


@models.keras_defaults()
def prepare(experiment):
    """Checks the settings, loads the data and builds the model.

    Every mistake in the settings is found here, before anything is written.

    Args:
        experiment: A `config.Experiment`.

    Returns:
        A `Prepared`.

    Raises:
        ValueError: If a setting is illegal.
        FileNotFoundError: If the data are missing.
    """
    if experiment.deterministic:
        pipeline.make_deterministic()
    devices.check(experiment.devices)
    seconds = {}
    with timed(seconds, "data"):
        experiment, dataset, parts = check(experiment)
        near_copies = found.find_near_copies(experiment, dataset, parts)
    found.log_found(dataset, parts, near_copies)
    with timed(seconds, "model"):
        model = network_building.build(experiment, dataset)
    network_building.check(experiment, dataset, parts, model)
    run_dir = os.path.join(experiment.runs_dir, experiment.name())
    return Prepared(
        experiment,
        dataset,
        _seen_with(experiment, dataset.num_categories),
        parts,
        model,
        near_copies,
        seconds,
        run_dir,
    )


def check(experiment):
    """Checks the settings against the data, without building a model.

    Args:
        experiment: A `config.Experiment`.

    Returns:
        The resolved `config.Experiment`, with what `n_seen="all"` and
        `precision="auto"` stand for, its `datasets.Dataset`, and the parts of
        its images (see `Prepared`).

    Raises:
        ValueError: If a setting is illegal.
        FileNotFoundError: If the data are missing.
    """
    experiment = experiment.resolve()
    options = experiment.dataset_options()
    most = datasets.count_categories(experiment.dataset, **options)
    if most is not None and experiment.n_seen != "all":
        # Raises if there are fewer, before hours of decoding.
        _seen_with(experiment, most)
    dataset = datasets.get(experiment.dataset, **options)
    dataset, parts = images.divide(experiment, dataset)
    if dataset.image_size != experiment.image_size:
        raise ValueError(
            f"The data set {experiment.dataset} must make images of "
            f"`image_size` pixels. Received: {dataset.image_size} instead of "
            f"image_size={experiment.image_size}"
        )
    n_seen = experiment.n_seen
    experiment = dataclasses.replace(
        experiment,
        n_seen=dataset.num_categories if n_seen == "all" else n_seen,
        transform_args=calibrated.settle(
            experiment.transform_args,
            fingerprint=dataset.fingerprint,
            network_args=experiment.network_args,
        ),
        precision=precision.choose_precision(experiment.precision),
    )
    # Again: images may have turned out to be unusable.
    seen_with = _seen_with(experiment, dataset.num_categories)
    labels = dataset.labels[parts == "train"]
    _check_phases(experiment, np.any([*seen_with.values()], axis=0), labels)
    if experiment.dataset == "imagenet":
        for name in re.split("[,+]", experiment.transform):
            _warn_of_transform(name)
    # Better raise now than after training, when the model is to be saved and
    # its neurons to be measured.
    _check_transforms(experiment, dataset, parts)
    if experiment.analysis != "none":
        population_measures.check_memory(
            checks.read_layer_measures(experiment.layer_measures),
            np.count_nonzero(parts == "test"),
        )
    network_building.options(experiment)
    return experiment, dataset, parts


def _check_transforms(experiment, dataset, parts):
    """Raises if a transformation cannot be applied, measured or saved."""
    transform = transforms.get(
        experiment.transform, **experiment.transform_args
    )
    tested = [
        transform,
        *strengths.list_transforms(experiment).values(),
        *_further_tests(experiment).values(),
    ]
    for each in tested:
        each.check_size(dataset.image_size, dataset.image_size)
        _check_repeats(each, dataset.images, parts)
    transform.get_config()


def _check_repeats(transform, images, parts):
    """Raises if a user's transformation draws what no seed determines."""
    if not passes.is_own(transform):
        few = images[np.flatnonzero(parts == "train")[:8]]
        responses.check_repeats(
            transform,
            lambda: next(responses.paired_blocks(few, transform))[2],
        )


def _further_tests(experiment):
    """Returns the transformations to test with, trained or not, by name."""
    if experiment.evaluate_on != "all":
        return {}
    chosen = experiment.test_args or {}
    return {
        name: transforms.get(
            name,
            **config.transform_args(experiment.dataset, name, chosen.get(name)),
        )
        for name in defaults.TRANSFORMS
    }


def _seen_with(experiment, num_categories):
    """Returns which categories each transformation is seen with, by name."""
    trained = [experiment.transform]
    if names.is_several(experiment.transform):
        trained = names.split_transforms(experiment.transform)
    is_disjoint = experiment.seen_sets == "disjoint"
    return {
        name: categories.seen_categories(
            num_categories,
            experiment.n_seen,
            experiment.category_seed,
            number if is_disjoint else 0,
        )
        for number, name in enumerate(trained)
    }


def _warn_of_transform(name):
    """Warns if ImageNet images already vary in a transformation."""
    of_paper = sum(families.FAMILIES.values(), ())
    if name in of_paper and name not in families.OF_IMAGENET:
        _logger.warning(
            "ImageNet images already vary in %s; the paper uses only %s there "
            "(section 3).",
            name,
            ", ".join(families.OF_IMAGENET),
        )


def _check_phases(experiment, is_seen, labels):
    """Raises if a category group is too small for the paradigm."""
    found = phases.list_phases(experiment.paradigm, is_seen)
    if not found[0].is_episodic:
        for phase in found:
            of_phase = np.count_nonzero(phase.categories[labels])
            _check_batches(experiment, of_phase)
        return
    episodes.make_episode(is_seen.sum(), experiment.batch_size)
    if experiment.devices > 1:
        raise ValueError(
            "The paradigm prototypes trains on one device. "
            f"Received: devices={experiment.devices}"
        )


def _check_batches(experiment, num_images):
    """Raises if the batches of an epoch cannot be divided among devices."""
    first = min(experiment.batch_size, num_images)
    last = num_images % first or first
    # TensorFlow gives each device as many as the first, while there are any.
    share = math.ceil(last / experiment.devices)
    if first % experiment.devices or last <= share * (experiment.devices - 1):
        raise ValueError(
            f"A batch has {first} images and the last of an epoch has {last}; "
            "a batch must be a multiple of `devices`, and the last one, of "
            f"which each device takes {share} in turn, must leave none without "
            "images. Choose another `batch_size` or `devices`. "
            f"Received: devices={experiment.devices}"
        )


@contextlib.contextmanager
def timed(seconds, stage):
    """Measures the duration of a stage."""
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
