"""Accuracy and invariance by the number of seen categories; see `gpu`.

The paper's AlexNet learns real faces on JAX, with the paradigm's sampling. Its
initialisation (`he`), epochs, learning rate and its course are those that
`configs/lfw.yaml` trains the small AlexNet with, not the paper's, which few
images cannot train; weight decay and momentum are the paper's.
"""

import csv
import dataclasses
import functools
import gc
import itertools
import math
import os
import sys
import time

import numpy as np

from benchmarks import contest, gpu_faces

TRANSFORMS = ("highpass", "blur", "rotate90", "thinning")
SEEDS = (0, 1, 2)
MOMENTUM, BATCH_SIZE, TAU = 0.9, 32, 0.1
KEY = ("transform", "n_seen", "seed")
MEASURES = (
    "clean_accuracy",
    "within_accuracy",
    "across_accuracy",
    "invariance_seen",
    "invariance_unseen",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """Holds how networks are trained.

    Attributes:
        network: String, a name of the registry.
        epochs: Integer.
        learning_rate: Float > 0, the highest of half a cosine.
    """

    network: str
    epochs: int
    learning_rate: float


def plan(num_categories, is_small=False):
    """Lists (transform, n_seen, seed) so that each beginning tells something.

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


def make_model(recipe, transform, data, steps_per_epoch, seed):
    """Returns an untrained, compiled model."""
    import keras

    from invariance_tf import networks, transforms
    from invariance_tf.paradigm import model as models
    from invariance_tf.settings import defaults
    from invariance_tf.training import fitting

    keras.utils.set_random_seed(seed)
    model = models.build(
        networks.get(recipe.network),
        transforms.get(transform, **defaults.TRANSFORMS[transform]),
        data["images"].shape[1],
        len(data["categories"]),
        weight_decay=defaults.RECIPES["alexnet"]["weight_decay"],
        initializer="he",
    )
    models.reseed(model, seed, 0)
    schedule = fitting.make_schedule(
        "cosine", recipe.learning_rate, recipe.epochs, steps_per_epoch
    )
    fitting.compile_model(model, schedule, MOMENTUM)
    model.optimizer.build(model.trainable_variables)
    return model


def compile_step(model):
    """Compiles a step that finds its batch on the device.

    Returns:
        Function from a state, all images, labels, positions and flags to loss
        and new state.
    """
    import jax

    from benchmarks import jax_step

    own_step = jax_step.step_of(model)

    def step(state, images, labels, positions, is_transformed):
        inputs = {
            "image": images[positions],
            "is_transformed": is_transformed,
        }
        return own_step(state, (inputs, labels[positions]))

    return jax.jit(step, donate_argnums=0)


def train(step, state, images, labels, is_seen, epochs, seed):
    """Trains a network; returns its last epoch's mean loss and its state.

    An epoch draws as many images as there are, in whole batches: a smaller one
    would be compiled anew.
    """
    import jax

    from benchmarks import array_batches

    on_device = jax.device_put((images, labels.astype("int32")))
    shape = (math.ceil(len(labels) / BATCH_SIZE), BATCH_SIZE)
    for epoch in range(epochs):
        draws = array_batches.draw(
            labels,
            is_seen,
            math.prod(shape),
            np.random.default_rng([seed, epoch]),
        )
        losses = []
        batches = (array.reshape(shape) for array in draws)
        for positions, is_transformed in zip(*batches, strict=True):
            loss, state = step(state, *on_device, positions, is_transformed)
            losses.append(loss)
        mean = float(np.mean(jax.device_get(losses)))
        if not math.isfinite(mean):
            break
    return mean, state


def take(model, state):
    """Gives a model the variables of a trained network."""
    groups = (model.trainable_variables, model.non_trainable_variables)
    for variables, values in zip(groups, state, strict=False):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def evaluate(model, images, labels, is_seen):
    """Returns the accuracies, and the mean invariance over neurons."""
    from invariance_tf import transforms
    from invariance_tf.measures import (
        activations,
        evaluation,
        measurement,
        responses,
    )

    predict = functools.partial(
        evaluation.predict_labels,
        evaluation.classifier(model),
        images,
        labels,
    )
    measured = evaluation.summarise_accuracies(
        labels,
        predict(transforms.get("identity")),
        predict(activations.transform_of(model)),
        is_seen,
    )
    reader = responses.Responses(model, images, labels=labels)
    neurons = measurement.measure(reader, tau=TAU, is_seen=is_seen).neurons
    for group in ("seen", "unseen"):
        of_group = neurons[neurons.category_group == group]
        mean = of_group.invariance_coefficient.mean()
        measured[f"invariance_{group}"] = float(mean)
    return measured


def measure(key, data, recipe, compiled):
    """Trains and evaluates a network; returns its row.

    Networks of one transformation take turns in the same compiled model, which
    `compiled` holds with its step.
    """
    from benchmarks import jax_step
    from invariance_tf.paradigm import categories

    start = time.perf_counter()
    transform, n_seen, seed = key
    images, labels, is_test = (
        data[name] for name in ("images", "labels", "is_test")
    )
    is_seen = categories.seen_categories(len(data["categories"]), n_seen, seed)
    steps_per_epoch = math.ceil((~is_test).sum() / BATCH_SIZE)
    make = functools.partial(
        make_model, recipe, transform, data, steps_per_epoch
    )
    if transform not in compiled:
        model = make(seed)
        compiled[transform] = model, compile_step(model)
    model, step = compiled[transform]
    loss, state = train(
        step,
        jax_step.state_of(make(seed)),
        images[~is_test],
        labels[~is_test],
        is_seen,
        recipe.epochs,
        seed,
    )
    trained = time.perf_counter()
    measured = {}
    if math.isfinite(loss):
        take(model, state)
        measured = evaluate(model, images[is_test], labels[is_test], is_seen)
    del state
    gc.collect()  # Models are cycles, and hold memory of the GPU.
    return {
        **dict(zip(KEY, key, strict=True)),
        **dataclasses.asdict(recipe),
        "num_categories": len(is_seen),
        "num_train": int((~is_test).sum()),
        "num_test": int(is_test.sum()),
        "loss": loss,
        **{name: measured.get(name, math.nan) for name in MEASURES},
        "training_seconds": round(trained - start, 2),
        "seconds": round(time.perf_counter() - start, 2),
    }


def run(arguments, devices, afford, out_path):
    """Trains network after network; writes each one's row at once."""
    recipe = Recipe("alexnet", arguments.epochs, arguments.learning_rate)
    if arguments.smoke:
        recipe = Recipe("alexnet_small", 1, arguments.learning_rate)
    data = gpu_faces.load(arguments.data)
    done = read_done(out_path)
    keys = [
        key
        for key in plan(len(data["categories"]), arguments.smoke)
        if tuple(map(str, key)) not in done
    ]
    compiled = {}
    for key in afford(keys):
        row = measure(key, data, recipe, compiled)
        sys.stdout.write(
            "{transform}, {n_seen} seen, seed {seed}: clean "
            "{clean_accuracy:.3f}, within {within_accuracy:.3f}, across "
            "{across_accuracy:.3f}, {seconds} s\n".format(**row)
        )
        contest.write(out_path, [{**row, "device": devices["jax"]}])
