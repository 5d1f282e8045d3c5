"""How many parameters the network of a finished run has."""

import math
import os
import zipfile

import h5py


def count_parameters(finished):
    """Returns the size of the network; nan if it cannot be known."""
    if "num_parameters" in finished.summary:
        return float(finished.summary["num_parameters"])
    if not finished.has("model.keras"):
        return math.nan
    # A run from before it was recorded. Only shapes are read: a hash would
    # take the whole model.
    found = {}

    def add(name, member):
        if isinstance(member, h5py.Dataset):
            found[name] = member.size

    path = os.path.join(finished.run_dir, "model.keras")
    try:
        with (
            zipfile.ZipFile(path) as archive,
            archive.open("model.weights.h5") as file,
            h5py.File(file, "r") as weights,
        ):
            weights.visititems(add)
    except (OSError, KeyError, zipfile.BadZipFile):
        return math.nan
    # The optimizer's and the states of random layers are no parameters.
    return float(
        sum(
            size
            for name, size in found.items()
            if name.startswith("layers/") and "/seed_generator/" not in name
        )
    )
