"""The settings of an experiment, their defaults and legal values.

This room does not import TensorFlow: `--help` and mistakes are answered at
once.
"""

import dataclasses
import hashlib
import json
import os
from typing import Any, Literal

from invariance_tf import foreign
from invariance_tf.settings import calibrated, checks, defaults, names
from invariance_tf.settings.strengths import read_test_args, transform_args

# The values of `analysis`, from the fewest to the most measures.
ANALYSES = ("none", "penultimate", "layers")

# These change neither the network nor its accuracies. (Several devices round
# differently, but an interrupted run may continue on another number of them.)
_NOT_IN_NAME = (
    "analysis",
    "tau",
    "ablate_layer",
    "activity",
    "test_strengths",
    "layer_measures",
    "runs_dir",
    "data_name",
    "devices",
    "if_not_learning",
)

_PATHS = ("data_dir", "splits", "categories_file")

# In bytes: what file systems take.
_LONGEST_NAME = 255

# Settings that were added after the first studies, at the values that describe
# how those were done. Run and study names are hashes over the settings:
# leaving these values out keeps the names in docs/results valid.
_ORIGINAL_BEHAVIOUR = {
    "crops": None,
    "deterministic": False,
    "devices": 1,
    "if_not_learning": "continue",
    "near_copies": "warn",
    "paradigm": "joint",
    "precision": "float32",
    "seen_sets": "same",
    "splits": None,
    "stream": None,
    "test_args": None,
    "test_on": "test",
}

# Likewise the arguments of transformations that once had none.
_ORIGINAL_ARGS = {
    "rotate90": {"angle": 90.0},
    "rotate180": {"angle": 180.0},
    "thinning": {"factor": 2.0},
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
        data_name: Name of your own data set, such as att_faces, in the names
            of run directories, in figures and the report; null uses dataset,
            but the folder's name in figures and the report (folder).
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
        near_copies: What to do with training images that resemble a validation
            or test image, and validation images that resemble a test image:
            warn, or drop them.
        transform: Transformation: identity, grayscale, hue_rotation, blur,
            highpass, horizontal, vertical, contrast_inversion, white_noise,
            salt_pepper, rotate90, rotate180, thinning, or your own, such as
            my_lab.transforms:Swirl. Several with commas between them: an image
            undergoes one of them; with +: all of them, one after the other.
        transform_args: Arguments of the transformation, such as
            --transform_args.sigma 3.0 for blur (pixels) or
            --transform_args.std 100 for white_noise (grey levels), of several
            --transform_args.blur.sigma 3.0; or "calibrated", for the strength
            found by the command calibrate.
        test_strengths: Further strengths of the transformation at which to
            measure accuracies and invariance: sigma of blur, std of
            white_noise, amount of salt_pepper, angle of rotate90 and
            rotate180, factor of thinning, or the first number among the
            arguments of your own.
        n_seen: Number of categories that are transformed during training, from
            0 (none) to the number of categories ("all").
        seen_sets: Whether several transformations are all seen in the same
            categories, or each in n_seen of its own ("disjoint").
        paradigm: How seen and unseen categories are trained: joint, as in the
            paper; two_step (first the seen ones, then the others, on which the
            network is fine-tuned); two_step_head (the others train only the
            last layer); or prototypes (episodes of the seen ones, then the
            nearest mean of original training images for all).
        category_seed: Random seed that selects the seen categories; null uses
            seed.
        sampling: Draw training images by category first ("categories", as in
            the paper) or uniformly over all images ("images").
        evaluate_on: Test on images transformed as in training ("trained") or
            by each transformation in turn ("all", as in Fig. 2a).
        test_args: With evaluate_on all, arguments of the transformations that
            are tested but not trained, such as --test_args.blur.sigma 3.0; by
            default those of the data set.
        network: Network: alexnet, alexnet_small, resnet18, inception,
            vit_small, convnext_small, bl_small, cornet_small, or your own
            function, such as my_lab.networks:two_layers.
        network_args: Further arguments of the network, such as
            --network_args.initializer he.
        seed: Random seed of weights, batches, noise and held-out images.
        epochs: Number of epochs; one epoch draws as many images as there are
            training images.
        batch_size: Images per training step.
        learning_rate: Learning rate; the peak value if it is scheduled.
        schedule: Learning-rate schedule: constant, cosine (down to 2 %) or
            resnet (of 90 epochs, warm-up over the first 5, then divided by 10
            after 30, 60 and 80; the same shares of other numbers of epochs).
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
        precision: Number format of the network: float32, mixed_bfloat16
            (weights and logits stay in float32), or auto, the faster one on
            this machine by a short measurement.
        analysis: Neurons to measure: those of the penultimate layer
            ("penultimate"), of all layers with ReLU, or with GELU and the
            like if `activity` is set ("layers"), or none ("none").
        tau: Normalised activity above which a neuron counts as active, from 0
            to below 1; "auto" takes the highest value at which ablating the
            inactive neurons costs at most 1 % of accuracy.
        ablate_layer: Inner layer, such as conv5, whose neurons are ablated in
            addition to those of the penultimate layer.
        activity: "signed" counts negative activity as a response of another
            kind than positive activity; null refuses it, but means signed for
            vit_small and convnext_small.
        layer_measures: Measures of whole layers, such as linear_cka,rsa, or
            all; they cost time.
        runs_dir: Directory that holds the run directories.
    """

    dataset: str = "synthfaces"
    data_dir: str | None = None
    data_name: str | None = None
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
    near_copies: Literal["warn", "drop"] = "warn"
    transform: str = "highpass"
    transform_args: dict[str, Any] | Literal["calibrated"] | None = None
    test_strengths: list[float] = ()
    n_seen: int | Literal["all"] | None = None
    seen_sets: Literal["same", "disjoint"] = "same"
    paradigm: Literal["joint", "two_step", "two_step_head", "prototypes"] = (
        "joint"
    )
    category_seed: int | None = None
    sampling: Literal["categories", "images"] = "categories"
    evaluate_on: Literal["trained", "all"] = "trained"
    test_args: dict[str, Any] | None = None
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
    precision: Literal["float32", "mixed_bfloat16", "auto"] = "float32"
    analysis: Literal["penultimate", "layers", "none"] = "penultimate"
    tau: float | Literal["auto"] = 0.1
    ablate_layer: str | None = None
    activity: Literal["signed"] | None = None
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
        checks.check_sizes(vars(self))
        checks.check_kinds(self)
        dataset = names.find("dataset", self.dataset)
        transform = "".join(str(self.transform).split())
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
            checks.check_range("batch_size", self.batch_size)
            values["learning_rate"] = 0.128 * self.batch_size / 256
        for name, value in vars(self).items():
            if value is not None:
                values[name] = value
        _check_required(self.dataset, values)
        resolved = Experiment(**checks.with_floats(values))
        chosen = self.transform_args
        if chosen == "calibrated":
            chosen = calibrated.read_strength(
                self.runs_dir,
                self.dataset,
                network,
                resolved.image_size,
                transform,
                resolved.dataset_options(),
            )
        resolved = dataclasses.replace(
            resolved,
            transform=transform,
            transform_args=transform_args(self.dataset, transform, chosen),
            test_args=read_test_args(self.test_args)
            if self.test_args
            else None,
            test_strengths=[float(each) for each in resolved.test_strengths],
            tau=checks.read_tau(self.tau),
        )
        checks.check_values(resolved)
        _check_options(resolved)
        return resolved

    def dataset_options(self):
        """Returns the settings that belong to the data set, by name."""
        options = names.find("dataset", self.dataset).options
        return {name: getattr(self, name) for name in options}

    def title(self):
        """Returns what figures and the report call the data set."""
        return title_of(self.dataset, self.data_dir, self.data_name)

    def name(self):
        """Returns the name of the run directory of a resolved experiment.

        It ends in 8 hexadecimal digits of a hash over all settings that can
        change the network or its accuracies. What is before n_seen is cut
        where file systems would not take the name.
        """
        settings = {
            name: value
            for name, value in drop_original_behaviour(vars(self)).items()
            if name not in _NOT_IN_NAME
        }
        # faces/ is faces; relative paths stay what they are.
        for name in filter(settings.get, _PATHS):
            settings[name] = os.path.normpath(settings[name])
        digest = hashlib.sha256(
            json.dumps(settings, sort_keys=True).encode()
        ).hexdigest()
        dataset = self.data_name or self.dataset
        parts = f"{dataset}-{self.network}-{self.transform}"
        parts = parts.replace(":", "_").replace("/", "_")
        end = f"-n{self.n_seen}-s{self.seed}-{digest[:8]}"
        longest = _LONGEST_NAME - len(end)
        encoded = parts.encode(errors="surrogatepass")
        if len(encoded) > longest:
            parts = encoded[:longest].decode(errors="ignore")
        return f"{parts}{end}"


def title_of(dataset, data_dir=None, data_name=None):
    """Returns what figures and the report call a data set.

    Args:
        dataset: See `Experiment`, as for all.
        data_dir: Path or `None`.
        data_name: String or `None`.

    Example:

    >>> title_of("folder", "data/att_faces"), title_of("digits")
    ('att_faces', 'digits')
    """
    if data_name or dataset != "folder" or not data_dir:
        return data_name or dataset
    folder = os.path.basename(os.path.abspath(os.path.expanduser(data_dir)))
    return foreign.escape_name(folder) or dataset


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
    original = _ORIGINAL_ARGS.get(settings.get("transform"))
    if original and settings.get("transform_args") == original:
        settings = {**settings, "transform_args": {}}
    return {
        name: value
        for name, value in settings.items()
        if name not in _ORIGINAL_BEHAVIOUR or value != _ORIGINAL_BEHAVIOUR[name]
    }


def _check_required(dataset, values):
    """Raises if a setting that a data set of the user's needs is missing."""
    needed = [key for key, value in values.items() if value is names.REQUIRED]
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
