"""Compares the training step with PyTorch's, and with the machine's limit.

`python -m benchmarks training_step` trains the same networks on the same batch
with the same recipe (high-pass filter on half of the images, standardisation,
SGD with momentum and weight decay) here and in PyTorch, in turn, each in a
process of its own; and multiplies large matrices, the most that the
processor can do. `--torch_python` is a Python with torch, in an
environment of its own; without it only the limit is compared.
"""

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
# Emulated, bfloat16 takes over ten times as long: it is left out where training
# in it has less than this share of the rate of float32.
LEAST_GAIN = 0.5
TORCH_WAYS = ("eager", "channels_last", "compiled")
MATRIX_SIZE = 4096


def build_model(
    network,
    image_size,
    num_categories,
    transform="highpass",
    learning_rate=1e-4,
    num_steps=1,
    **options,
):
    """Returns a compiled model with the recipe that all contenders have.

    Args:
        network: String, a name of `networks.get`.
        image_size: Integer, pixels a side.
        num_categories: Integer.
        transform: String, a transformation, at its default strength.
        learning_rate: Float or `LearningRateSchedule`.
        num_steps: Integer, training steps of an epoch.
        **options: Precision, and options of the network.
    """
    from invariance_tf import networks, transforms
    from invariance_tf.paradigm import model as models
    from invariance_tf.training import fitting

    model = models.build(
        networks.get(network),
        transforms.get(transform),
        image_size,
        num_categories,
        weight_decay=5e-4,
        **options,
    )
    fitting.compile_model(model, learning_rate, steps_per_epoch=num_steps)
    return model


def make_step(
    network, image_size, num_categories, batch_size, precision, num_steps=1
):
    """Returns a function that trains on a batch, as a run does.

    Args:
        network: String, a name of `networks.get`.
        image_size: Integer, pixels a side.
        num_categories: Integer.
        batch_size: Integer.
        precision: String, such as `"float32"`.
        num_steps: Integer, how often the function does it.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = build_model(
        network,
        image_size,
        num_categories,
        num_steps=num_steps,
        precision=precision,
    )
    images, flags, labels = contest.make_batch(
        batch_size, image_size, num_categories
    )
    inputs = {"image": images, "is_transformed": flags}
    batches = tf.data.Dataset.from_tensors((inputs, labels)).cache().repeat()
    model.fit(batches, steps_per_epoch=num_steps, shuffle=False, verbose=0)
    # What `fit` calls within an epoch.
    calls = range(num_steps // model.steps_per_execution)
    iterator = iter(batches)

    def work():
        for _ in calls:
            logs = model.train_function(iterator)
        float(logs["loss"])

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


def make_commands(name, torch_python, precisions):
    """Returns the commands of all contenders, by their names."""
    here = [sys.executable, "-m", "benchmarks.training_step", "--serve"]
    commands = {}
    for precision in precisions:
        commands[precision] = [*here, name, precision]
        commands[f"product in {precision}"] = [*here, "product", precision]
    commands["float32 without oneDNN"] = [
        *("env", "TF_ENABLE_ONEDNN_OPTS=0"),
        *(*here, name, "float32"),
    ]
    for way in TORCH_WAYS if torch_python else ():
        program = [torch_python, "-m", "benchmarks.torch_step"]
        program += [*map(str, WORK[name]), way]
        program += ["--num_steps", str(NUM_STEPS.get(name, 1))]
        commands[f"torch {way}"] = program
    return commands


def tabulate(name, work, seconds, sizes, references):
    """Returns a row of the table for each contender that has run.

    Args:
        name: String, what is trained.
        work: Tuple of network, pixels, categories and images in a batch.
        seconds: Dictionary as of `contest.compete`. Names of products begin
            with `product`.
        sizes: The side of the matrices, and how many products and training
            steps a call has.
        references: Function from the name of a contender to the names of the
            step and of the product that it is compared with.
    """
    matrix_size, num_products, num_steps = sizes
    of_product = 2 * matrix_size**3 * num_products
    of_step = count_operations(*work) * num_steps
    rows = []
    for contender, measured in seconds.items():
        is_product = contender.startswith("product")
        operations = of_product if is_product else of_step
        step, product = references(contender)
        share = contest.ratio(seconds, contender, product)
        share *= operations / of_product
        num_calls = num_products if is_product else num_steps
        median = statistics.median(measured)
        row = {
            "work": name,
            "contender": contender,
            "milliseconds": round(1000 * median / num_calls, 4),
            "images_per_second": "",
            "ours_to_this": "",
            "teraflops": round(operations / median / 1e12, 3),
            "share_of_product": round(share, 4),
            "repeats": len(measured),
        }
        if not is_product:
            row |= {
                "images_per_second": round(work[-1] * num_steps / median, 1),
                "ours_to_this": round(
                    contest.ratio(seconds, step, contender), 3
                ),
            }
        rows.append(row)
    return rows


LINE = (
    "{work}: {contender}: {milliseconds} ms, {images_per_second} images/s, "
    "{teraflops} TFLOP/s, {share_of_product} of the product; ours is "
    "{ours_to_this} x as fast"
)


def main():
    """Prints and writes a table."""
    parser = contest.make_parser(__doc__, repeats=7, num_served=2)
    parser.add_argument("--work", nargs="+", choices=WORK, default=[*WORK])
    parser.add_argument("--torch_python", help="a Python with PyTorch")
    arguments = parser.parse_args()
    if arguments.serve:
        name, dtype = arguments.serve
        if name == "product":
            contest.serve(make_product(dtype))
        else:
            num_steps = NUM_STEPS.get(name, 1)
            contest.serve(make_step(*WORK[name], dtype, num_steps))
        return
    from invariance_tf.training import precision

    precisions = ["float32"]
    if precision.bfloat16_gain() > LEAST_GAIN:
        precisions.append("mixed_bfloat16")
    for name in arguments.work:
        commands = make_commands(name, arguments.torch_python, precisions)
        rows = tabulate(
            name,
            WORK[name],
            contest.compete(commands, arguments.repeats),
            (MATRIX_SIZE, 1, NUM_STEPS.get(name, 1)),
            lambda contender: ("float32", "product in float32"),
        )
        contest.report_rows(rows, LINE, arguments.out, arguments.torch_python)


if __name__ == "__main__":
    main()
