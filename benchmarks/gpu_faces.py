"""The paper's AlexNet on real faces, without TensorFlow; see `gpu`.

Networks learn with the paradigm's sampling. Their initialisation (`he`),
epochs, learning rate and its schedule are those that `configs/lfw.yaml` trains
the small AlexNet with, not the paper's, which few images cannot train; weight
decay and momentum are the paper's.

The file of faces holds labels, is_test, categories, and of the images the
differences between neighbours, which compress to half of what the images do.
"""

import csv
import itertools
import math
import os
import time

import numpy as np

from benchmarks import contest, training_step

TRANSFORMS = ("highpass", "blur", "rotate90", "thinning")
SEEDS = (0, 1, 2)
BATCH_SIZE, TAU = 32, 0.1
KEY = ("transform", "n_seen", "seed")
MEASURES = (
    "clean_accuracy",
    "within_accuracy",
    "across_accuracy",
    "invariance_seen",
    "invariance_unseen",
)
LINE = (
    "{transform}, {n_seen} seen, seed {seed}: clean {clean_accuracy:.3f}, "
    "within {within_accuracy:.3f}, across {across_accuracy:.3f}, {seconds} s"
)


def prepare(data_dir, path, max_images):
    """Writes the faces of the 158 people with at least 10 images as .npz.

    As `configs/lfw.yaml` but for 100 pixels, and 4 test images of each, so
    that nobody with 10 images is left out. Needs TensorFlow.

    Args:
        data_dir: Path of a directory with one folder per person.
        path: Path of the file.
        max_images: Integer, the most to take of a person.
    """
    from invariance_tf import datasets
    from invariance_tf.paradigm import splits

    dataset = datasets.get(
        "folder",
        data_dir=data_dir,
        image_size=100,
        central_crop=0.5,
        min_images=10,
        max_images=max_images,
        num_test=4,
    )
    parts = splits.divide(dataset, 0.0, seed=0)
    kept = np.flatnonzero(parts != splits.DUPLICATE)
    differences = dataset.images[kept]
    # Of red and blue from green, then of each row and of each column from the
    # one before, modulo 256.
    differences[..., ::2] -= differences[..., 1:2]
    for axis in (1, 2):
        differences = np.diff(differences, axis=axis, prepend=np.uint8(0))
    np.savez_compressed(
        path,
        differences=differences,
        labels=dataset.labels[kept],
        is_test=parts[kept] == "test",
        categories=np.array(dataset.categories),
    )


def load(path):
    """Returns arrays by name: images, labels, is_test and categories."""
    with np.load(path, allow_pickle=False) as file:
        data = {name: file[name] for name in file.files}
    images = data.pop("differences")
    for axis in (2, 1):
        images = np.cumsum(images, axis=axis, dtype="uint8")
    images[..., ::2] += images[..., 1:2]
    return {"images": images, **data}


def select(data, is_chosen):
    """Returns images and labels of a part of the data."""
    return data["images"][is_chosen], data["labels"][is_chosen]


def draw(labels, is_seen, num_draws, generator):
    """Draws training images by the law of `pipeline.training_batches`.

    A category uniformly, then one of its images uniformly, then, if the
    category is seen transformed, whether the image appears transformed, with
    probability 1/2. The numbers are others than TensorFlow's.

    Args:
        labels: Integer array of shape `(num_images,)`; every category has an
            image.
        is_seen: Boolean array of shape `(num_categories,)`.
        num_draws: Integer.
        generator: A `numpy.random.Generator`.

    Returns:
        Integer array of shape `(num_draws,)`, positions of images, and boolean
        array of that shape, whether they are transformed.
    """
    by_category = np.argsort(labels, kind="stable")
    counts = np.bincount(labels, minlength=len(is_seen))
    category = generator.integers(len(counts), size=num_draws)
    among = generator.integers(counts[category])
    positions = by_category[(np.cumsum(counts) - counts)[category] + among]
    coin = generator.random(num_draws) < 0.5
    return positions, is_seen[category] & coin


def plan(num_categories, is_small=False):
    """Lists (transform, n_seen, seed) so that a study cut short is of use.

    All transformations with few and with many seen categories come first,
    then what lies between, then other seeds.
    """
    n = num_categories
    numbers = (1, round(0.9 * n), n // 2, n // 4, 3 * n // 4)
    seeds, transforms = SEEDS, TRANSFORMS
    if is_small:
        seeds, transforms, numbers = SEEDS[:1], TRANSFORMS[:2], numbers[:1]
    for seed, n_seen, transform in itertools.product(
        seeds, numbers, transforms
    ):
        yield transform, n_seen, seed


def read_done(path):
    """Returns the keys of the rows that are there, as strings."""
    if not os.path.exists(path):
        return set()
    with open(path, encoding="utf-8", newline="") as file:
        return {
            tuple(row[name] for name in KEY) for row in csv.DictReader(file)
        }


def train(key, data, network, epochs, learning_rate):
    """Trains a network; returns its model and the last epoch's loss.

    An epoch draws as many images as there are, in whole batches.
    """
    import keras

    from invariance_tf.training import fitting

    transform, _, seed = key
    images, labels = (
        data[name][~data["is_test"]] for name in ("images", "labels")
    )
    num_steps = math.ceil(len(labels) / BATCH_SIZE)

    class Batches(keras.utils.PyDataset):
        """Draws an epoch of batches when the one before has ended."""

        def __init__(self):
            super().__init__()
            self.epoch = 0
            self.on_epoch_end()

        def __len__(self):
            return num_steps

        def __getitem__(self, index):
            chosen = slice(index * BATCH_SIZE, (index + 1) * BATCH_SIZE)
            positions, flags = (array[chosen] for array in self.draws)
            inputs = {"image": images[positions], "is_transformed": flags}
            return inputs, labels[positions]

        def on_epoch_end(self):
            self.draws = draw(
                labels,
                data["is_seen"],
                num_steps * BATCH_SIZE,
                np.random.default_rng([seed, self.epoch]),
            )
            self.epoch += 1

    keras.utils.set_random_seed(seed)
    model = training_step.build_model(
        network,
        images.shape[1],
        len(data["categories"]),
        transform,
        fitting.make_schedule("cosine", learning_rate, epochs, num_steps),
        initializer="he",
    )
    history = model.fit(
        Batches(),
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[keras.callbacks.TerminateOnNaN()],
    )
    return model, history.history["loss"][-1]


def evaluate(model, data):
    """Returns the accuracies, and the mean invariance over neurons."""
    from invariance_tf import transforms
    from invariance_tf.measures import (
        activations,
        evaluation,
        measurement,
        responses,
    )

    images, labels = (
        data[name][data["is_test"]] for name in ("images", "labels")
    )
    classifier = evaluation.classifier(model)
    predicted = [
        evaluation.predict_labels(classifier, images, labels, transform)
        for transform in (
            transforms.get("identity"),
            activations.transform_of(model),
        )
    ]
    measured = evaluation.summarise_accuracies(
        labels, *predicted, data["is_seen"]
    )
    reader = responses.Responses(model, images, labels=labels)
    neurons = measurement.measure(
        reader, tau=TAU, is_seen=data["is_seen"]
    ).neurons
    means = neurons.groupby("category_group").invariance_coefficient.mean()
    return {
        **measured,
        **{f"invariance_{group}": means[group] for group in ("seen", "unseen")},
    }


def measure_network(key, data, recipe):
    """Trains and tests a network; returns its row."""
    from invariance_tf.paradigm import categories

    num_categories = len(data["categories"])
    is_seen = categories.seen_categories(num_categories, *key[1:])
    data = {**data, "is_seen": is_seen}
    start = time.perf_counter()
    model, loss = train(key, data, **recipe)
    trained = time.perf_counter()
    measured = evaluate(model, data) if math.isfinite(loss) else {}
    return {
        **dict(zip(KEY, key, strict=True)),
        **recipe,
        "num_categories": num_categories,
        "num_train": int((~data["is_test"]).sum()),
        "num_test": int(data["is_test"].sum()),
        "loss": loss,
        **{name: measured.get(name, math.nan) for name in MEASURES},
        "training_seconds": round(trained - start, 2),
        "seconds": round(time.perf_counter() - start, 2),
    }


def run(arguments, devices, afford, out_path):
    """Trains network after network; writes each one's row at once."""
    recipe = {
        "network": "alexnet",
        "epochs": arguments.epochs,
        "learning_rate": arguments.learning_rate,
    }
    if arguments.smoke:
        recipe |= {"network": "alexnet_small", "epochs": 1}
    data = load(arguments.data)
    done = read_done(out_path)
    for key in afford(
        key
        for key in plan(len(data["categories"]), arguments.smoke)
        if tuple(map(str, key)) not in done
    ):
        row = measure_network(key, data, recipe)
        row["device"] = devices["jax"]
        contest.report_rows([row], LINE, out_path)
