"""The defaults of data sets, networks and transformations.

Tests compare these tables with the registries of the code, which cannot be
read without importing TensorFlow.
"""

import os

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

# The options of each data set; the options of the others are errors.
DATASETS = {
    "synthfaces": {
        "image_size": 48,
        "num_categories": 40,
        "num_train": 60,
        "num_test": 30,
        "data_seed": 0,
    },
    "digits": {"image_size": 32, "num_test": 50},
    "folder": _FILES,
    "facescrub": {
        **_FILES,
        "data_dir": os.path.join("data", "facescrub"),
        "image_size": 100,
        "min_images": 100,
    },
    "tfds": {
        **_FILES,
        "num_test": None,
        "stream": None,
        "crops": "central",
    },
    # Tested on the central 224 of 256 pixels: row N8b of docs/fidelity.md.
    "imagenet": {
        **_FILES,
        "image_size": 224,
        "central_crop": 224 / 256,
        "num_test": None,
        "stream": True,
        "crops": "resnet",
    },
}

# Other defaults that depend on the data set.
EXPERIMENTS = {
    "synthfaces": {"network": "alexnet_small", "n_seen": 20},
    "digits": {"network": "alexnet_small", "n_seen": 5},
    "folder": {"network": "alexnet_small", "n_seen": 20},
    "facescrub": {"network": "alexnet", "n_seen": 50},
    "tfds": {"network": "alexnet_small", "n_seen": 5},
    "imagenet": {"network": "resnet18", "n_seen": 500},
}

# How each network is trained: rows N5, N8 and N9 of docs/fidelity.md. The
# recipe of alexnet_small is ours.
RECIPES = {
    "alexnet": {
        "epochs": 45,
        "learning_rate": 1e-4,
        "schedule": "constant",
        "weight_decay": 5e-4,
    },
    "alexnet_small": {
        "epochs": 15,
        "learning_rate": 0.02,
        "schedule": "cosine",
        "weight_decay": 0.0,
    },
    "resnet18": {
        "epochs": 90,
        "learning_rate": 0.128 * 32 / 256,
        "schedule": "resnet",
        "weight_decay": 1e-4,
    },
    "inception": {
        "epochs": 45,
        "learning_rate": 0.01,
        "schedule": "constant",
        "weight_decay": 5e-4,
    },
}

# The arguments of each transformation.
TRANSFORMS = {
    "identity": {},
    "grayscale": {},
    "hue_rotation": {},
    "blur": {"sigma": 3.0},
    "highpass": {"kernel": "zero_sum"},
    "horizontal": {},
    "vertical": {},
    "contrast_inversion": {},
    "white_noise": {"std": 100.0, "clip": False},
    "salt_pepper": {"amount": 0.5, "per_channel": False},
    "rotate90": {},
    "rotate180": {},
    "thinning": {},
}

# A strength depends on data set and image size. Sigma 3 above follows from the
# paper's rule on FaceScrub at 100 px (docs/fidelity.md, section 2); the other
# strengths above are not calibrated.
STRENGTHS = {"synthfaces": {"blur": {"sigma": 4.0}}}
