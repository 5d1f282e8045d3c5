"""Compares the training step with PyTorch's, and with the machine's limit.

`python -m benchmarks.training_step` trains the same networks on the same batch
with the same recipe (high-pass filter on half of the images, standardisation,
SGD with momentum and weight decay) here and in PyTorch with kornia, in turn,
each in a process of its own; and multiplies large matrices, the most that the
processor can do. `--torch_python` is a Python with torch and kornia, in an
environment of its own; without it only the limit is compared.
"""

import argparse
import os
import statistics
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import contest

# Network, pixels, categories, images in a batch.
WORK = {
    "alexnet": ("alexnet", 100, 388, 32),
    "alexnet_small": ("alexnet_small", 48, 40, 32),
    "resnet18_64": ("resnet18", 64, 100, 32),
    "resnet18_224": ("resnet18", 224, 1000, 32),
}
# Steps of one call, where a single one is short.
NUM_STEPS = {"alexnet_small": 20, "resnet18_64": 4}
PRECISIONS = ("float32", "mixed_bfloat16")
TORCH_WAYS = ("eager", "channels_last", "compiled")
MATRIX_SIZE = 4096


def make_step(
    network,
    image_size,
    num_categories,
    batch_size,
    precision,
    num_steps=1,
    jit_compile=None,
    steps_at_once=None,
):
    """Returns a function that trains on a batch, as a run does.

    Args:
        network: String, a name of `networks.get`.
        image_size: Integer, pixels a side.
        num_categories: Integer.
        batch_size: Integer.
        precision: String, such as `"float32"`.
        num_steps: Integer, how often the function does it.
        jit_compile: Whether to use XLA; `None` means the package's choice.
        steps_at_once: Integer, steps of a call of TensorFlow; `None` means
            the package's choice.
    """
    import keras
    import numpy as np
    import tensorflow as tf

    from invariance_tf import networks, transforms
    from invariance_tf.paradigm import model as models
    from invariance_tf.training import fitting

    keras.utils.set_random_seed(0)
    model = models.build(
        networks.get(network),
        transforms.get("highpass"),
        image_size,
        num_categories,
        precision=precision,
        weight_decay=5e-4,
    )
    if jit_compile is not None:
        model.jit_compile = jit_compile
    fitting.compile_model(
        model, 1e-4, steps_per_epoch=steps_at_once or num_steps
    )
    generator = np.random.default_rng(0)
    shape = (batch_size, image_size, image_size, 3)
    images = {
        "image": generator.integers(0, 256, shape, "uint8"),
        "is_transformed": np.arange(batch_size) % 2 == 0,
    }
    labels = np.arange(batch_size) % num_categories
    batches = tf.data.Dataset.from_tensors((images, labels)).cache().repeat()
    fit = {"steps_per_epoch": num_steps, "shuffle": False, "verbose": 0}
    model.fit(batches, **fit)
    # What `fit` calls within an epoch.
    calls = range(num_steps // model.steps_per_execution)
    iterator = iter(batches)

    def work():
        for _ in calls:
            logs = model.train_function(iterator)
        float(logs["loss"])

    work.model = model
    return work


def count_operations(network, image_size, num_categories, batch_size):
    """Returns the floating-point operations of a step.

    Those of convolutions and dense layers, once forward and twice backward,
    but for the first layer, whose input needs no gradient.
    """
    import keras
    import numpy as np

    from invariance_tf import networks

    image = keras.Input((image_size, image_size, 3))
    logits = networks.get(network)(image, num_categories)
    total, is_first = 0, True
    for layer in keras.Model(image, logits).layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            places = np.prod(layer.output.shape[1:-1], dtype=int)
            products = int(np.prod(layer.kernel.shape) * places)
            total += 2 * products * (2 if is_first else 3)
            is_first = False
    return total * batch_size


def make_product(precision):
    """Returns a function that multiplies two matrices."""
    import tensorflow as tf

    generator = tf.random.Generator.from_seed(0)
    matrices = generator.normal((2, MATRIX_SIZE, MATRIX_SIZE))
    dtype = "bfloat16" if precision == "mixed_bfloat16" else precision
    one, other = tf.cast(matrices, dtype)
    # Something small that depends on all of it.
    product = tf.function(lambda: tf.reduce_max(tf.matmul(one, other)))
    return lambda: float(product())


def compare(name, torch_python, repeats):
    """Returns a row of the table for each contender."""
    work, num_steps = WORK[name], NUM_STEPS.get(name, 1)
    here = [sys.executable, "-m", "benchmarks.training_step", "--serve"]
    commands = {}
    for precision in PRECISIONS:
        commands[precision] = [*here, name, precision]
        commands[f"product in {precision}"] = [*here, "product", precision]
    for way in TORCH_WAYS if torch_python else ():
        program = [torch_python, "-m", "benchmarks.torch_step"]
        program += [*map(str, work), way, "--num_steps", str(num_steps)]
        commands[f"torch {way}"] = program
    seconds = contest.compete(commands, repeats)
    operations = {
        contender: 2 * MATRIX_SIZE**3
        if contender.startswith("product")
        else count_operations(*work) * num_steps
        for contender in seconds
    }
    # In operations per second, for each repeat.
    limits = [2 * MATRIX_SIZE**3 / s for s in seconds["product in float32"]]
    rows = []
    for contender, measured in seconds.items():
        if not measured:
            continue
        rates = [operations[contender] / s for s in measured]
        shares = [a / b for a, b in zip(rates, limits, strict=True)]
        row = {
            "work": name,
            "contender": contender,
            "images_per_second": "",
            "float32_to_this": "",
            "share_of_product": round(statistics.median(shares), 3),
            "repeats": len(measured),
        }
        if not contender.startswith("product"):
            num_images = work[-1] * num_steps
            row["images_per_second"] = round(
                num_images / statistics.median(measured), 1
            )
            row["float32_to_this"] = round(
                contest.ratio(seconds, "float32", contender), 3
            )
        rows.append(row)
    return rows


def main():
    """Prints and writes a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", nargs="+", choices=WORK, default=[*WORK])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--torch_python", help="a Python with PyTorch")
    parser.add_argument("--out", help="CSV file to append to")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        name, precision = arguments.serve
        if name == "product":
            contest.serve(make_product(precision))
        else:
            num_steps = NUM_STEPS.get(name, 1)
            contest.serve(make_step(*WORK[name], precision, num_steps))
        return
    for name in arguments.work:
        rows = compare(name, arguments.torch_python, arguments.repeats)
        for row in rows:
            sys.stdout.write(
                "{work}: {contender}: {images_per_second} images/s, float32 "
                "is {float32_to_this} x as fast, {share_of_product} of the "
                "product\n".format(**row)
            )
        contest.write(arguments.out, rows, arguments.torch_python)


if __name__ == "__main__":
    main()
