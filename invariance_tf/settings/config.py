"""What an experiment is: every setting, its default and its legal values.

Nothing here imports TensorFlow, so that `--help` and mistakes are answered at
once.
"""

import dataclasses
import difflib
import hashlib
import json
import math
from typing import Any, Literal

from invariance_tf.settings import defaults

# Settings that change neither the network nor its accuracies; the devices only
# as another draw of noise and dropout would, and a run may change over to more.
_NOT_OF_THE_TRAINING = (
    "analysis",
    "tau",
    "ablate_layer",
    "runs_dir",
    "devices",
)

# Settings that came later, at the values that say what was done before.
_LATER = {
    "crops": None,
    "deterministic": False,
    "devices": 1,
    "precision": "float32",
    "splits": None,
    "stream": None,
    "test_on": "test",
}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Describes one experiment: data, transformation, network and training.

    Settings left at null take the value that belongs to the data set or the
    network; the run's config.yaml shows them all.

    Args:
        dataset: synthfaces (made on the spot), digits, folder (any directory
            with one folder per category), facescrub, tfds:NAME (any
            image-classification set of TensorFlow Datasets) or imagenet.
        data_dir: Directory of the images (folder, facescrub), or of
            TensorFlow Datasets (tfds:NAME, imagenet).
        image_size: Height and width of the images in pixels.
        central_crop: Side of the central square that is kept, as a share of
            the shorter side, above 0 to 1 (not synthfaces, digits).
        min_images: Leave out categories with fewer images (not synthfaces,
            digits).
        max_images: Use at most so many images of a category, test images
            included (not synthfaces, digits).
        categories_file: Text file with the categories to use, one name per
            line (not synthfaces, digits).
        num_categories: Number of categories to make (synthfaces).
        num_train: Training images to make per category (synthfaces).
        num_test: Test images per category; null means the data set's own test
            part where there is one (tfds:NAME, imagenet).
        data_seed: Decides which faces are made (synthfaces).
        stream: Decode images whenever they are read ("true") or once, to be
            kept on disk ("false"); null means streaming above 4 GiB
            (tfds:NAME, imagenet).
        crops: Training crops of streamed images, one of central, and resnet
            for random areas and flips (tfds:NAME, imagenet).
        splits: CSV file with the columns file, category and split, such as
            another run's splits.csv: which images to train, validate and test
            on.
        transform: identity, grayscale, hue_rotation, blur, highpass,
            horizontal, vertical, contrast_inversion, white_noise, salt_pepper,
            rotate90, rotate180 or thinning.
        transform_args: Arguments of the transformation, such as
            --transform_args.sigma 3.0 for blur (pixels) or
            --transform_args.std 100 for white_noise (grey levels); or
            "calibrated", for the strength that the verb calibrate found.
        n_seen: Number of categories seen transformed during training, from 0
            (never transformed) to all categories ("all").
        category_seed: Decides which categories are seen transformed; null
            means seed.
        sampling: Draw training images by category first ("categories", as the
            paper) or uniformly over images ("images").
        evaluate_on: Test on images transformed as in training ("trained") or
            by every transformation in turn ("all", as Fig. 2a).
        network: alexnet, alexnet_small, resnet18 or inception.
        network_args: Further arguments of the network, such as
            --network_args.initializer he.
        seed: Decides every random draw.
        epochs: Number of epochs; one epoch draws as many images as there are
            training images.
        batch_size: Images per training step.
        learning_rate: Learning rate (its highest value if it is scheduled).
        schedule: Course of the learning rate, one of constant, cosine (to 2 %)
            and resnet (5 epochs warm-up, a tenth at epochs 30, 60, 80, 90).
        momentum: Momentum of stochastic gradient descent.
        weight_decay: L2 regularisation inside the gradient.
        validation_fraction: Share of the training images held out to follow
            the accuracies during training, from 0 to below 1.
        test_on: Test on the test images ("test") or, in order to choose
            settings, on the held-out training images ("validation").
        deterministic: Give equal bits whenever the run is repeated on the same
            machine, at the price of some speed.
        devices: Number of GPUs of this machine to train on at once; each batch
            is divided among them.
        precision: Numbers that the network computes with, float32 or
            mixed_bfloat16 (weights and logits stay in float32), for GPUs.
        analysis: Measure the neurons of the penultimate layer
            ("penultimate"), of all layers with ReLU ("layers") or none
            ("none").
        tau: Normalised activity above which a neuron counts as active, from 0
            to below 1; "auto" takes the highest one at which ablating the
            inactive neurons costs at most 1 % of accuracy.
        ablate_layer: Also measure accuracies with neurons of this inner
            layer ablated, such as conv5.
        runs_dir: Directory of the run directories.
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
    deterministic: bool = False
    devices: int = 1
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    analysis: Literal["penultimate", "layers", "none"] = "penultimate"
    tau: float | Literal["auto"] = 0.1
    ablate_layer: str | None = None
    runs_dir: str = "runs"

    def resolve(self):
        """Fills in what belongs to the data set and the network, and checks.

        Returns:
            An `Experiment` that leaves nothing open but what its data set
            has no use for.

        Raises:
            ValueError: If a name is unknown or a value illegal.
        """
        kind = _kind(self.dataset)
        _check_name("transform", self.transform, defaults.TRANSFORMS)
        options = defaults.DATASETS[kind]
        network = self.network or defaults.EXPERIMENTS[kind]["network"]
        _check_name("network", network, defaults.RECIPES)
        recipe = dict(defaults.RECIPES[network])
        if network == "resnet18":
            recipe["learning_rate"] = 0.128 * self.batch_size / 256
        filled = {
            **options,
            **recipe,
            "n_seen": defaults.EXPERIMENTS[kind]["n_seen"],
            "category_seed": self.seed,
        }
        chosen = {
            name: value
            for name, value in vars(self).items()
            if value is not None
        }
        resolved = dataclasses.replace(
            self,
            **{
                **filled,
                **chosen,
                "network": network,
                "network_args": self.network_args or {},
                "transform_args": {},
            },
        )
        resolved = dataclasses.replace(
            resolved, transform_args=self._transform_args(resolved)
        )
        _check_values(resolved)
        _check_options(resolved)
        return resolved

    def _transform_args(self, resolved):
        """Returns the arguments of the transformation."""
        chosen = self.transform_args
        if chosen == "calibrated":
            from invariance_tf.settings import calibrated

            chosen = calibrated.recorded(
                self.runs_dir,
                self.dataset,
                resolved.network,
                resolved.image_size,
                self.transform,
                resolved.dataset_options(),
            )
        return transform_args(self.dataset, self.transform, chosen)

    def dataset_options(self):
        """Returns the arguments of the data set's function, by name."""
        options = defaults.DATASETS[_kind(self.dataset)]
        return {name: getattr(self, name) for name in options}

    def name(self):
        """Returns the name of the run directory of a resolved experiment.

        It ends in 8 hexadecimal digits of a hash over every setting that
        can change the network or its accuracies.
        """
        settings = {
            name: value
            for name, value in telling(vars(self)).items()
            if name not in _NOT_OF_THE_TRAINING
        }
        digest = hashlib.sha256(
            json.dumps(settings, sort_keys=True).encode()
        ).hexdigest()
        dataset = self.dataset.replace(":", "_").replace("/", "_")
        return (
            f"{dataset}-{self.network}-{self.transform}"
            f"-n{self.n_seen}-s{self.seed}-{digest[:8]}"
        )


def telling(settings):
    """Leaves out settings that say what was done before there was a choice.

    Runs then have the names and the studies that they had before.

    Args:
        settings: Dictionary of an experiment's settings.

    Example:

    >>> telling({"seed": 0, "test_on": "test", "splits": "mine.csv"})
    {'seed': 0, 'splits': 'mine.csv'}
    """
    return {
        name: value
        for name, value in settings.items()
        if name not in _LATER or value != _LATER[name]
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
        ValueError: If `chosen` names an argument that there is not.

    Example:

    >>> transform_args("facescrub", "blur")
    {'sigma': 3.0}
    """
    legal = defaults.TRANSFORMS[transform]
    for name in chosen or {}:
        if name not in legal:
            raise ValueError(
                f"The transform {transform} takes "
                f"{', '.join(legal) or 'no arguments'}. "
                f"Received: transform_args={chosen}"
            )
    arguments = {
        **legal,
        **defaults.STRENGTHS.get(dataset, {}).get(transform, {}),
        **(chosen or {}),
    }
    # 3 and 3.0 are one strength, and so one run.
    return {
        name: float(value) if type(value) is int else value
        for name, value in arguments.items()
    }


def _kind(dataset):
    """Returns the data set's key in the tables of defaults."""
    kind, _, name = dataset.partition(":")
    if name and kind == "tfds":
        return kind
    legal = [key if key != "tfds" else "tfds:NAME" for key in defaults.DATASETS]
    _check_name("dataset", dataset, legal)
    return dataset


def _check_name(setting, name, legal):
    """Raises if `name` is none of the legal ones."""
    if name in legal:
        return
    close = difflib.get_close_matches(str(name), legal, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise ValueError(
        f"There is no such {setting}.{hint} Legal: {', '.join(legal)}. "
        f"Received: {setting}={name}"
    )


def _check_options(experiment):
    """Raises if a setting is given that the data set has no use for."""
    every_option = {
        name for options in defaults.DATASETS.values() for name in options
    }
    legal = defaults.DATASETS[_kind(experiment.dataset)]
    for name in sorted(every_option - set(legal)):
        value = getattr(experiment, name)
        if value is not None:
            raise ValueError(
                f"`{name}` means nothing for the data set "
                f"{experiment.dataset}, whose options are "
                f"{', '.join(legal)}. Received: {name}={value}"
            )
    if experiment.dataset == "folder" and experiment.data_dir is None:
        raise ValueError(
            f"The data set {experiment.dataset} needs `data_dir`, a directory "
            "with one folder of images per category. Received: data_dir=None"
        )


# (lowest, highest, description).
_RANGES = {
    "epochs": (1, math.inf, "at least 1"),
    "batch_size": (1, math.inf, "at least 1"),
    "devices": (1, math.inf, "at least 1"),
    "seed": (0, 2**31 - 1, "from 0 to 2147483647"),
    "category_seed": (0, 2**31 - 1, "from 0 to 2147483647"),
    "data_seed": (0, 2**31 - 1, "from 0 to 2147483647"),
    "num_test": (1, math.inf, "at least 1"),
    "num_train": (1, math.inf, "at least 1"),
    "num_categories": (2, math.inf, "at least 2"),
    "min_images": (1, math.inf, "at least 1"),
    "max_images": (2, math.inf, "at least 2"),
    "image_size": (16, 1024, "from 16 to 1024 pixels"),
    "central_crop": (math.ulp(0), 1, "above 0 and at most 1"),
    "learning_rate": (math.ulp(0), 1e3, "above 0 and at most 1000"),
    "momentum": (0, math.nextafter(1, 0), "from 0 to below 1"),
    "weight_decay": (0, 1e3, "from 0 to 1000"),
    "validation_fraction": (0, math.nextafter(1, 0), "from 0 to below 1"),
}


def _check_values(experiment):
    """Raises if a number is out of its range."""
    for name, (lowest, highest, description) in _RANGES.items():
        value = getattr(experiment, name)
        if value is not None and not lowest <= value <= highest:
            raise ValueError(
                f"`{name}` must be {description}. Received: {name}={value}"
            )
    if experiment.tau != "auto" and not 0 <= experiment.tau < 1:
        raise ValueError(
            "`tau` must be from 0 to below 1, or auto. "
            f"Received: tau={experiment.tau}"
        )
    n_seen, num_categories = experiment.n_seen, experiment.num_categories
    if n_seen != "all" and not 0 <= n_seen <= (num_categories or math.inf):
        at_most = num_categories or "the number of categories"
        raise ValueError(
            f"`n_seen` counts categories seen transformed and must be from 0 "
            f"to {at_most}. Received: n_seen={n_seen}"
        )
