"""The data sets, networks and transformations by name, with their defaults.

The one registry. Each name comes with the place of its code, which is imported
only when it is used: names and defaults are known without TensorFlow.
`settings.names` finds those of other packages.
"""

import dataclasses
import os


@dataclasses.dataclass(frozen=True)
class Entry:
    """Holds what a name stands for.

    Attributes:
        place: String, `module:attribute` of the class or function.
        options: Dictionary of its arguments with their defaults: those of a
            transformation, those of a network that are floats, or the settings
            of an experiment that a data set has. Other settings of data sets
            are errors.
        experiment: Dictionary of defaults of other settings that depend on
            it, such as how a network is trained.
    """

    place: str
    options: dict = dataclasses.field(default_factory=dict)
    experiment: dict = dataclasses.field(default_factory=dict)


# The options of data sets that are read from files.
_FILES = {
    "data_dir": None,
    "image_size": 64,
    "central_crop": 1.0,
    "min_images": None,
    "max_images": None,
    "categories_file": None,
    "num_test": 10,
}

DATASETS = {
    "synthfaces": Entry(
        "invariance_tf.datasets.synthfaces:load_synthfaces",
        {
            "image_size": 48,
            "num_categories": 40,
            "num_train": 60,
            "num_test": 30,
            "data_seed": 0,
        },
        {"network": "alexnet_small", "n_seen": 20},
    ),
    "digits": Entry(
        "invariance_tf.datasets.digits:load_digits",
        {"image_size": 32, "num_test": 50},
        {"network": "alexnet_small", "n_seen": 5},
    ),
    "folder": Entry(
        "invariance_tf.datasets.folder:load_folder",
        _FILES,
        {"network": "alexnet_small", "n_seen": 20},
    ),
    "facescrub": Entry(
        "invariance_tf.datasets.facescrub:load_facescrub",
        {
            **_FILES,
            "data_dir": os.path.join("data", "facescrub"),
            "image_size": 100,
            "min_images": 100,
        },
        {"network": "alexnet", "n_seen": 50},
    ),
    "tfds": Entry(
        "invariance_tf.datasets.tfds:load_tfds",
        {
            **_FILES,
            "num_test": None,
            "stream": None,
            "crops": "central",
        },
        {"network": "alexnet_small", "n_seen": 5},
    ),
    "imagenet": Entry(
        "invariance_tf.datasets.tfds:load_imagenet",
        # Tested on the central 224 of 256 pixels: row N8b of docs/fidelity.md.
        {
            **_FILES,
            "image_size": 224,
            "central_crop": 224 / 256,
            "num_test": None,
            "stream": True,
            "crops": "resnet",
        },
        {"network": "resnet18", "n_seen": 500},
    ),
}

# The recipe of the small networks is ours.
_SMALL = {
    "epochs": 15,
    "learning_rate": 0.02,
    "schedule": "cosine",
    "weight_decay": 0.0,
}

_WIDTH = {"width": 1.0}
_ALEXNET = {
    **_WIDTH,
    "dropout": 0.5,
    "lrn_bias": 2.0,
    "lrn_alpha": 1e-4,
    "lrn_beta": 0.75,
}

# How each network is trained: rows N5, N8 and N9 of docs/fidelity.md. Layers
# with GELU have negative activity, which counts.
NETWORKS = {
    "alexnet": Entry(
        "invariance_tf.networks.alexnet:alexnet",
        _ALEXNET,
        experiment={
            "epochs": 45,
            "learning_rate": 1e-4,
            "schedule": "constant",
            "weight_decay": 5e-4,
        },
    ),
    "alexnet_small": Entry(
        "invariance_tf.networks.alexnet:alexnet_small", _ALEXNET, _SMALL
    ),
    "resnet18": Entry(
        "invariance_tf.networks.resnet18:resnet18",
        experiment={
            "epochs": 90,
            "learning_rate": 0.128 * 32 / 256,
            "schedule": "resnet",
            "weight_decay": 1e-4,
        },
    ),
    "inception": Entry(
        "invariance_tf.networks.inception:inception",
        {"dropout": 0.4},
        experiment={
            "epochs": 45,
            "learning_rate": 0.01,
            "schedule": "constant",
            "weight_decay": 5e-4,
        },
    ),
    "vit_small": Entry(
        "invariance_tf.networks.vit:vit_small",
        {**_WIDTH, "dropout": 0.0},
        {**_SMALL, "activity": "signed"},
    ),
    "convnext_small": Entry(
        "invariance_tf.networks.convnext:convnext_small",
        _WIDTH,
        {**_SMALL, "activity": "signed"},
    ),
    "bl_small": Entry(
        "invariance_tf.networks.recurrent:bl_small", _WIDTH, _SMALL
    ),
    "cornet_small": Entry(
        "invariance_tf.networks.recurrent:cornet_small", _WIDTH, _SMALL
    ),
}

TRANSFORMS = {
    "identity": Entry("invariance_tf.transforms:Identity"),
    "grayscale": Entry("invariance_tf.transforms:Grayscale"),
    "hue_rotation": Entry("invariance_tf.transforms:HueRotation"),
    "blur": Entry("invariance_tf.transforms:GaussianBlur", {"sigma": 3.0}),
    "highpass": Entry(
        "invariance_tf.transforms:HighPass", {"kernel": "zero_sum"}
    ),
    "horizontal": Entry("invariance_tf.transforms:Horizontal"),
    "vertical": Entry("invariance_tf.transforms:Vertical"),
    "contrast_inversion": Entry("invariance_tf.transforms:ContrastInversion"),
    "white_noise": Entry(
        "invariance_tf.transforms:WhiteNoise", {"std": 100.0, "clip": False}
    ),
    "salt_pepper": Entry(
        "invariance_tf.transforms:SaltPepper",
        {"amount": 0.5, "per_channel": False},
    ),
    "rotate90": Entry("invariance_tf.transforms:Rotate90", {"angle": 90.0}),
    "rotate180": Entry("invariance_tf.transforms:Rotate180", {"angle": 180.0}),
    "thinning": Entry("invariance_tf.transforms:Thinning", {"factor": 2.0}),
}

# A strength depends on data set and image size. Sigma 3 above follows from the
# paper's rule on FaceScrub at 100 px (docs/fidelity.md, section 2); the other
# strengths above are not calibrated.
STRENGTHS = {"synthfaces": {"blur": {"sigma": 4.0}}}

# Measures of whole layers that can be asked for, in words;
# `measures.population_measures` has their functions.
LAYER_MEASURES = {
    "linear_cka": "linear CKA",
    "rsa": "RSA",
    "goodfellow_score": "Goodfellow's score",
    "normalized_variance": "normalised variance",
    "decode_transformed": "decoding: is it transformed?",
    "decode_categories": "decoding: the category",
}
