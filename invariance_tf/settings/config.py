"""The settings of an experiment, their defaults and legal values.

This room does not import TensorFlow: `--help` and mistakes are answered at
once.
"""

import dataclasses
import hashlib
import json
import numbers
from typing import Any, Literal

from invariance_tf.settings import calibrated, checks, defaults, names

# The values of `analysis`, from the fewest to the most measures.
ANALYSES = ("none", "penultimate", "layers")

# These change neither the network nor its accuracies. (Several devices round
# differently, but an interrupted run may continue on another number of them.)
_NOT_IN_NAME = (
    "analysis",
    "tau",
    "ablate_layer",
    "layer_measures",
    "runs_dir",
    "devices",
    "if_not_learning",
)

# Settings that were added after the first studies, at the values that describe
# how those were done. Run and study names are hashes over the settings:
# leaving these values out keeps the names in docs/results valid.
_ORIGINAL_BEHAVIOUR = {
    "crops": None,
    "deterministic": False,
    "devices": 1,
    "if_not_learning": "continue",
    "precision": "float32",
    "splits": None,
    "stream": None,
    "test_on": "test",
}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Describes one experiment: data, transformation, network and training.

    A setting left at null takes the default of its data set or network; the
    run's config.yaml lists the values that were used.

    Args:
        dataset: Data set: synthfaces (generated on the fly), digits, folder
            (any directory with one folder per category), facescrub, tfds:NAME
            (any image-classification set of TensorFlow Datasets), imagenet, or
            your own function, such as my_lab.data:plankton.
        data_dir: Directory of the images (folder, facescrub) or of TensorFlow
            Datasets (tfds:NAME, imagenet).
        image_size: Height and width of the images in pixels.
        central_crop: Side of the central square to keep, as a fraction of the
            shorter side, above 0 to 1 (not synthfaces, digits).
        min_images: Drop categories with fewer images (not synthfaces,
            digits).
        max_images: Use at most this many images per category, test images
            included (not synthfaces, digits).
        categories_file: Text file that lists the categories to use, one per
            line (not synthfaces, digits).
        num_categories: Number of categories to generate (synthfaces).
        num_train: Training images to generate per category (synthfaces).
        num_test: Test images per category; null uses the test part of the data
            set if it has one (tfds:NAME, imagenet).
        data_seed: Random seed of the generated faces (synthfaces).
        stream: Decode images every time they are read ("true"), or once and
            cache them on disk ("false"); null streams above 4 GiB (tfds:NAME,
            imagenet).
        crops: How streamed training images are cropped: central, or resnet
            (random crops and flips) (tfds:NAME, imagenet).
        splits: CSV file with the columns file, category and split that assigns
            images to training, validation and test, such as the splits.csv of
            another run.
        transform: Transformation: identity, grayscale, hue_rotation, blur,
            highpass, horizontal, vertical, contrast_inversion, white_noise,
            salt_pepper, rotate90, rotate180, thinning, or your own, such as
            my_lab.transforms:Swirl.
        transform_args: Arguments of the transformation, such as
            --transform_args.sigma 3.0 for blur (pixels) or
            --transform_args.std 100 for white_noise (grey levels); or
            "calibrated", for the strength found by the command calibrate.
        n_seen: Number of categories that are transformed during training, from
            0 (none) to the number of categories ("all").
        category_seed: Random seed that selects those categories; null uses
            seed.
        sampling: Draw training images by category first ("categories", as in
            the paper) or uniformly over all images ("images").
        evaluate_on: Test on images transformed as in training ("trained") or
            by each transformation in turn ("all", as in Fig. 2a).
        network: Network: alexnet, alexnet_small, resnet18, inception, or your
            own function, such as my_lab.networks:two_layers.
        network_args: Further arguments of the network, such as
            --network_args.initializer he.
        seed: Random seed of weights, batches, noise and held-out images.
        epochs: Number of epochs; one epoch draws as many images as there are
            training images.
        batch_size: Images per training step.
        learning_rate: Learning rate; the peak value if it is scheduled.
        schedule: Learning-rate schedule: constant, cosine (down to 2 %) or
            resnet (warm-up, then divided by 10 four times: at epochs 5, 30, 60,
            80 and 90 of 90, at the same shares of other numbers).
        momentum: Momentum of stochastic gradient descent.
        weight_decay: L2 regularisation, added to the gradient.
        validation_fraction: Fraction of the training images held out for
            validation during training, from 0 to below 1.
        test_on: Images to test on: "test", or "validation" (held-out training
            images) to choose settings without using the test images.
        if_not_learning: What to do with a training that is still at chance
            after 500 steps: continue, with a warning, or stop.
        deterministic: Make repeated runs on one machine bit-identical, at some
            cost in speed.
        devices: Number of GPUs of this machine to train on; each batch is
            divided among them.
        precision: Number format of the network, float32 or mixed_bfloat16
            (for GPUs; weights and logits stay in float32).
        analysis: Neurons to measure: those of the penultimate layer
            ("penultimate"), of all layers with ReLU ("layers") or none
            ("none").
        tau: Normalised activity above which a neuron counts as active, from 0
            to below 1; "auto" takes the highest value at which ablating the
            inactive neurons costs at most 1 % of accuracy.
        ablate_layer: Inner layer, such as conv5, whose neurons are ablated in
            addition to those of the penultimate layer.
        layer_measures: Measures of whole layers, such as linear_cka,rsa, or
            all; they cost time.
        runs_dir: Directory that holds the run directories.
    """

    dataset: str = "synthfaces"
    data_dir: str | None = None
    image_size: int | None = None
    central_crop: float | None = None
    min_images: int | None = None
    max_images: int | None = None
    categories_file: str | None = None
    num_categories: int | None = None
    num_train: int | None = None
    num_test: int | None = None
    data_seed: int | None = None
    stream: bool | None = None
    crops: Literal["central", "resnet"] | None = None
    splits: str | None = None
    transform: str = "highpass"
    transform_args: dict[str, Any] | Literal["calibrated"] | None = None
    n_seen: int | Literal["all"] | None = None
    category_seed: int | None = None
    sampling: Literal["categories", "images"] = "categories"
    evaluate_on: Literal["trained", "all"] = "trained"
    network: str | None = None
    network_args: dict[str, Any] | None = None
    seed: int = 0
    epochs: int | None = None
    batch_size: int = 32
    learning_rate: float | None = None
    schedule: Literal["constant", "cosine", "resnet"] | None = None
    momentum: float = 0.9
    weight_decay: float | None = None
    validation_fraction: float = 0.1
    test_on: Literal["test", "validation"] = "test"
    if_not_learning: Literal["continue", "stop"] = "continue"
    deterministic: bool = False
    devices: int = 1
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    analysis: Literal["penultimate", "layers", "none"] = "penultimate"
    tau: float | Literal["auto"] = 0.1
    ablate_layer: str | None = None
    layer_measures: str | None = None
    runs_dir: str = "runs"

    def resolve(self):
        """Fills in the defaults of the data set and network, and checks.

        Returns:
            An `Experiment` in which only settings that do not apply to its
            data set are `None`.

        Raises:
            ValueError: If a name is unknown or a value illegal.
        """
        dataset = names.find("dataset", self.dataset)
        network = self.network or dataset.experiment["network"]
        values = {
            **dataset.options,
            **names.find("network", network).experiment,
            **dataset.experiment,
            "category_seed": self.seed,
            "network_args": {},
        }
        if network == "resnet18":
            # Its recipe is for batches of 256.
            values["learning_rate"] = 0.128 * self.batch_size / 256
        for name, value in vars(self).items():
            if value is not None:
                values[name] = value
        _check_required(self.dataset, values)
        resolved = Experiment(**values)
        chosen = self.transform_args
        if chosen == "calibrated":
            chosen = calibrated.read_strength(
                self.runs_dir,
                self.dataset,
                network,
                resolved.image_size,
                self.transform,
                resolved.dataset_options(),
            )
        resolved = dataclasses.replace(
            resolved,
            transform_args=transform_args(self.dataset, self.transform, chosen),
        )
        checks.check_values(resolved)
        _check_options(resolved)
        return resolved

    def dataset_options(self):
        """Returns the settings that belong to the data set, by name."""
        options = names.find("dataset", self.dataset).options
        return {name: getattr(self, name) for name in options}

    def name(self):
        """Returns the name of the run directory of a resolved experiment.

        It ends in 8 hexadecimal digits of a hash over all settings that can
        change the network or its accuracies.
        """
        settings = {
            name: value
            for name, value in drop_original_behaviour(vars(self)).items()
            if name not in _NOT_IN_NAME
        }
        digest = hashlib.sha256(
            json.dumps(settings, sort_keys=True).encode()
        ).hexdigest()
        parts = f"{self.dataset}-{self.network}-{self.transform}"
        parts = parts.replace(":", "_").replace("/", "_")
        return f"{parts}-n{self.n_seen}-s{self.seed}-{digest[:8]}"


def drop_original_behaviour(settings):
    """Drops settings that equal the behaviour from before they existed.

    What is left identifies a run or a study, whenever it was done.

    Args:
        settings: Dictionary of an experiment's settings.

    Example:

    >>> settings = {"seed": 0, "test_on": "test", "splits": "mine.csv"}
    >>> drop_original_behaviour(settings)
    {'seed': 0, 'splits': 'mine.csv'}
    """
    return {
        name: value
        for name, value in settings.items()
        if name not in _ORIGINAL_BEHAVIOUR or value != _ORIGINAL_BEHAVIOUR[name]
    }


def transform_args(dataset, transform, chosen=None):
    """Returns the arguments of a transformation on a data set.

    Args:
        dataset: String, name of the data set.
        transform: String, name of the transformation.
        chosen: Dictionary of the arguments that the user chose, or `None`.

    Returns:
        Dictionary with every argument of the transformation.

    Raises:
        ValueError: If `chosen` names an unknown argument or lacks one.

    Example:

    >>> transform_args("facescrub", "blur")
    {'sigma': 3.0}
    """
    legal = names.find("transform", transform).options
    for name in chosen or {}:
        if name not in legal:
            raise ValueError(
                f"The transform {transform} takes "
                f"{', '.join(legal) or 'no arguments'}. "
                f"Received: transform_args={chosen}"
            )
        kind, words = _kind_of_argument(legal[name])
        value = chosen[name]
        if not isinstance(value, kind) or isinstance(value, bool) != (
            kind is bool
        ):
            raise ValueError(
                f"`{name}` of the transform {transform} must be {words}. "
                f"Received: transform_args={chosen}"
            )
    arguments = {
        **legal,
        **defaults.STRENGTHS.get(dataset, {}).get(transform, {}),
        **(chosen or {}),
    }
    missing = [key for key, value in arguments.items() if value is _REQUIRED]
    if missing:
        raise ValueError(
            f"The transform {transform} needs a value of {', '.join(missing)}, "
            f"such as --transform_args.{missing[0]} VALUE. "
            f"Received: transform_args={chosen}"
        )
    # 3 and 3.0 are the same strength and must give the same run name.
    return {
        name: float(value) if type(value) is int else value
        for name, value in arguments.items()
    }


def _kind_of_argument(default):
    """Returns the type of an argument like its default, and its words."""
    if isinstance(default, bool):
        return bool, "true or false"
    if isinstance(default, str):
        return str, "text"
    return numbers.Real, "a number"


_REQUIRED = names.REQUIRED


def _check_required(dataset, values):
    """Raises if a setting that a data set of the user's needs is missing."""
    needed = [key for key, value in values.items() if value is _REQUIRED]
    needed += [] if values.get("n_seen") is not None else ["n_seen"]
    if needed:
        raise ValueError(
            f"The data set {dataset} needs a value of `{needed[0]}`. "
            f"Received: {needed[0]}=None"
        )


def _check_options(experiment):
    """Raises if a setting is given that does not apply to the data set."""
    every_option = {
        name for entry in defaults.DATASETS.values() for name in entry.options
    }
    legal = names.find("dataset", experiment.dataset).options
    for name in sorted(every_option - set(legal)):
        value = getattr(experiment, name)
        if value is not None:
            raise ValueError(
                f"`{name}` does not apply to the data set "
                f"{experiment.dataset}, whose options are "
                f"{', '.join(legal)}. Received: {name}={value}"
            )
    if experiment.dataset == "folder" and experiment.data_dir is None:
        raise ValueError(
            "The data set folder needs `data_dir`, a directory with one folder "
            "of images per category. Received: data_dir=None"
        )
