"""Draws the pictures of the README: `python docs/make_pictures.py`.

The second one needs runs of the default experiment, which are made in `runs/`
where they are missing: about a quarter of an hour on two cores.
"""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from matplotlib.figure import Figure

from invariance_tf import Experiment, config, datasets, figures, run, transforms
from invariance_tf.model import Standardize

IMAGES_DIR = pathlib.Path(__file__).parent / "images"


def draw_transforms():
    """Draws three faces under every transformation, standardised."""
    dataset = datasets.get(
        "synthfaces", image_size=96, num_categories=4, num_train=1, num_test=1
    )
    faces = dataset.images[dataset.is_test][[1, 2, 3]]
    columns = []
    for name in transforms.TRANSFORMS:
        arguments = config.transform_args("synthfaces", name)
        if name == "blur":
            arguments = {"sigma": 8.0}  # 4 at 48 px, the size of the data set
        layer = transforms.get(name, **arguments)
        transformed = layer(faces, np.ones(len(faces), bool))
        columns.append(keras.ops.convert_to_numpy(Standardize()(transformed)))
    rows = dict(zip(("", " ", "  "), np.stack(columns, axis=1), strict=True))
    titles = [name.replace("_", "\n") for name in transforms.TRANSFORMS]
    figures.save(
        figures.draw_examples(rows, titles), IMAGES_DIR / "transforms.png"
    )


def draw_accuracy(seeds=(0, 1, 2), n_seen=(4, 12, 20, 28, 36)):
    """Draws accuracies of a filter and a rotation against n_seen."""
    figure = Figure(figsize=(8, 3))
    panels = figure.subplots(1, 2, sharey=True)
    names = {"highpass": "High-pass filter", "rotate180": "Rotation by 180°"}
    for axes, (transform, title) in zip(panels, names.items(), strict=True):
        summaries = [
            [
                run(Experiment(transform=transform, n_seen=count, seed=seed))
                for count in n_seen
            ]
            for seed in seeds
        ]
        for key, label, style in (
            ("clean_accuracy", "original images", "k:"),
            ("within_accuracy", "transformed, seen (within)", "C0o-"),
            ("across_accuracy", "transformed, unseen (across)", "C1s-"),
        ):
            values = np.array(
                [[row[key] for row in rows] for rows in summaries]
            )
            axes.plot(n_seen, values.mean(axis=0), style, label=label)
            for of_seed in values:
                axes.plot(n_seen, of_seed, style[:-1][:2] + ".", alpha=0.4)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("people seen transformed (of 40)")
        axes.set_ylim(0, 1)
    panels[0].set_ylabel("test accuracy")
    panels[0].legend(fontsize=8, loc="center left")
    figure.tight_layout()
    figures.save(figure, IMAGES_DIR / "accuracy.png", dpi=120)


if __name__ == "__main__":
    IMAGES_DIR.mkdir(exist_ok=True)
    draw_transforms()
    draw_accuracy()
