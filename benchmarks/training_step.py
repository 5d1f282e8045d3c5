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
TORCH_WAYS = ("eager", "channels_last", "compiled")
MATRIX_SIZE = 4096


def make_step(network, image_size, num_categories, batch_size, precision):
    """Returns a function that trains on one batch, as Keras' fit does."""
    import keras
    import numpy as np

    from invariance_tf import model as models
    from invariance_tf import networks, training, transforms

    keras.utils.set_random_seed(0)
    build = {"precision": precision} if precision != "float32" else {}
    model = models.build(
        networks.get(network),
        transforms.get("highpass"),
        image_size,
        num_categories,
        weight_decay=5e-4,
        **build,
    )
    training.compile_model(model, 1e-4)
    generator = np.random.default_rng(0)
    shape = (batch_size, image_size, image_size, 3)
    images = {
        "image": generator.integers(0, 256, shape, "uint8"),
        "is_transformed": np.arange(batch_size) % 2 == 0,
    }
    labels = np.arange(batch_size) % num_categories
    return lambda: model.train_on_batch(images, labels)


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


def make_product():
    """Returns a function that multiplies two matrices."""
    import tensorflow as tf

    generator = tf.random.Generator.from_seed(0)
    one, other = generator.normal((2, MATRIX_SIZE, MATRIX_SIZE))
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(one, other)))
    return lambda: float(product())


def compare(name, torch_python, repeats):
    """Returns a row of the table for each contender."""
    work = WORK[name]
    here = [sys.executable, "-m", "benchmarks.training_step", "--serve"]
    commands = {"matrix product": [*here, "product"]}
    for precision in ("float32", "mixed_bfloat16"):
        commands[precision] = [*here, name, precision]
    for way in TORCH_WAYS if torch_python else ():
        program = [torch_python, "-m", "benchmarks.torch_step"]
        commands[f"torch {way}"] = [*program, *map(str, work), way]
    seconds = contest.compete(commands, repeats)
    limit = 2 * MATRIX_SIZE**3 / statistics.median(seconds["matrix product"])
    operations = count_operations(*work)
    rows = []
    for contender, measured in seconds.items():
        if not measured or contender == "matrix product":
            continue
        median = statistics.median(measured)
        rows.append(
            {
                "work": name,
                "contender": contender,
                "images_per_second": round(work[-1] / median, 1),
                "float32_to_this": round(
                    contest.ratio(seconds, "float32", contender), 3
                ),
                "share_of_matrix_product": round(
                    operations / median / limit, 3
                ),
                "repeats": len(measured),
            }
        )
    return rows


def main():
    """Prints and writes a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", nargs="+", choices=WORK, default=[*WORK])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--torch_python", help="a Python with PyTorch")
    parser.add_argument("--out", help="CSV file to append to")
    parser.add_argument("--serve", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        name, *precision = arguments.serve
        contest.serve(
            make_step(*WORK[name], *precision) if precision else make_product()
        )
        return
    for name in arguments.work:
        rows = compare(name, arguments.torch_python, arguments.repeats)
        for row in rows:
            sys.stdout.write(
                "{work}: {contender}: {images_per_second} images/s; float32 "
                "is {float32_to_this} x as fast; {share_of_matrix_product} of "
                "the matrix product's rate\n".format(**row)
            )
        contest.write(arguments.out, rows)


if __name__ == "__main__":
    main()
