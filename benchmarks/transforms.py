"""Compares the transformations with kornia, PyTorch and OpenCV.

`python -m benchmarks transforms` transforms batches of 128 images by each of
the twelve transformations, with the default strengths, and shows images per
second. Contenders take turns, each in a process of its own.

`ours` is the layer as in training, compiled, from bytes to floats, where a
share of the images is flagged (`--flagged`): all are transformed and the
flagged ones kept. `ours gather` transforms the flagged ones only and scatters
them back. In `ours all` all are flagged: that is what the others do, from
floats that lie in the order which they like best. All use all cores.

`--torch_python` is a Python with torch, kornia, opencv-python-headless and
NumPy, in an environment of its own; without it nobody is compared. Before a
transformation is timed, all results are compared with the layer's, and
`largest_difference` is in grey levels; noise has none. Where it is large,
others do something else: kornia's antialiasing is a Gaussian, OpenCV's an
average.
"""

import contextlib
import functools
import itertools
import math
import os
import statistics
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks import contest
from invariance_tf.settings import defaults

NAMES = [name for name in defaults.TRANSFORMS if name != "identity"]
OURS = ("ours", "ours all", "ours gather")
BATCH = 128
NUM_COMPARED = 16
LEAST_SECONDS = 0.2

LINE = (
    "{transform} of {image_size} pixels: {contender} ({flagged} flagged): "
    "{images_per_second} images/s; ours all is {ours_all_to_this} x as fast; "
    "largest difference {largest_difference}"
)

# What the contenders use.
LUMA = np.array([0.2989, 0.587, 0.114], "float32")
SIGMA = defaults.TRANSFORMS["blur"].options["sigma"]
RADIUS = math.ceil(3 * SIGMA)
STD = defaults.TRANSFORMS["white_noise"].options["std"]
AMOUNT = defaults.TRANSFORMS["salt_pepper"].options["amount"]
HIGHPASS = np.pad(np.outer([1, 2, 1], [1, 2, 1]), 1, constant_values=-1).astype(
    "float32"
)
CHANGE = np.array([-1, 0, 1], "float32")
SUM = np.ones(3, "float32")


def draw_flags(share, num_images=BATCH):
    """Returns which images are flagged, spread evenly over the batch."""
    # 0.1 * 30 is a little more than 3.
    num_flagged = np.round(np.arange(num_images + 1) * share, 6)
    return np.diff(np.ceil(num_flagged)) > 0


def our_functions(way, flags):
    """Returns the compiled layers.

    Args:
        way: String, one of `OURS`.
        flags: Boolean array of shape `(batch,)`.

    Returns:
        Dictionary from the name of a transformation to a function of images
        from 0 to 255 of shape `(batch, height, width, 3)`.
    """
    import tensorflow as tf

    from invariance_tf import transforms

    def compile_layer(name):
        layer = transforms.get(name)

        def select(images, flags):
            return layer(images, flags)

        def gather(images, flags):
            places = tf.where(flags)
            chosen = tf.cast(tf.gather_nd(images, places), "float32")
            return tf.tensor_scatter_nd_update(
                tf.cast(images, "float32"), places, layer.transform(chosen)
            )

        function = tf.function(gather if way == "ours gather" else select)
        is_transformed = tf.constant(flags)
        return lambda images: function(images, is_transformed)

    return {name: compile_layer(name) for name in NAMES}


def serve(functions, prepare, restore, directory, compared=slice(None)):
    """Times one transformation after another; called by a contender.

    A line with the name of a transformation is answered with the largest
    difference from ours, in grey levels, or with nan without such a
    function; `go` with the seconds that it takes.

    Args:
        functions: Dictionary from the name of a transformation to a function.
        prepare: Function of bytes of shape `(batch, height, width, 3)` that
            returns what the functions take.
        restore: Function of what they return that gives an array of that
            shape.
        directory: Path of `images.npy` and of `expected.npy`, the first of
            them transformed.
        compared: Which of these are compared.
    """

    def choose(name):
        if name not in functions:
            return None, math.nan
        images = prepare(np.load(os.path.join(directory, "images.npy")))
        work = functools.partial(functions[name], images)
        expected = np.load(os.path.join(directory, "expected.npy"))
        differences = np.abs(restore(work())[: len(expected)] - expected)
        return work, np.nan_to_num(differences[compared], nan=np.inf).max()

    contest.serve(least_seconds=LEAST_SECONDS, choose=choose)


def serve_ours(way, directory, share):
    """Times the layers."""
    import tensorflow as tf

    flags = draw_flags(1.0 if way == "ours all" else float(share))
    functions = our_functions(way, flags)
    serve(functions, tf.constant, np.asarray, directory, flags[:NUM_COMPARED])


def write_images(directory, name, image_size):
    """Writes images, and what the layer makes of the first.

    Returns:
        Boolean, whether others are to make the same.
    """
    from invariance_tf import transforms

    images, _, _ = contest.make_batch(BATCH, image_size, 1)
    np.save(os.path.join(directory, "images.npy"), images)
    layer = transforms.get(name)
    expected = layer(images[:NUM_COMPARED], np.ones(NUM_COMPARED, bool))
    np.save(os.path.join(directory, "expected.npy"), expected)
    return layer.family != "noise"


def compare(contenders, directory, name, image_size, flagged, repeats):
    """Returns a row of the table for each contender."""
    is_comparable = write_images(directory, name, image_size)
    differences = {way: ask(name) for way, ask in contenders.items()}
    able = {way: contenders[way] for way in contenders if differences[way] >= 0}
    seconds = contest.take_turns(able, repeats)
    return [
        {
            "transform": name,
            "image_size": image_size,
            "flagged": flagged if way in ("ours", "ours gather") else 1.0,
            "contender": way,
            "images_per_second": round(BATCH / statistics.median(values), 1),
            "ours_all_to_this": round(
                contest.ratio(seconds, "ours all", way), 3
            ),
            "largest_difference": (
                f"{differences[way]:.2g}" if is_comparable else ""
            ),
            "repeats": len(values),
        }
        for way, values in seconds.items()
    ]


def make_commands(directory, flagged, torch_python):
    """Returns the commands of all contenders."""

    def command(python, program, *options):
        return [python, "-m", f"benchmarks.{program}", *options, directory]

    commands = {
        way: [*command(sys.executable, "transforms", "--serve", way), flagged]
        for way in OURS
    }
    if torch_python:
        for way in ("torch", "torch channels_last", "kornia"):
            commands[way] = command(torch_python, "torch_transforms", way)
        commands["opencv"] = command(torch_python, "opencv_transforms")
    return commands


def main():
    """Prints and writes a table."""
    parser = contest.make_parser(__doc__, repeats=7, num_served=3)
    parser.add_argument("--transform", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--image_size", nargs="+", type=int, default=[100, 224])
    parser.add_argument("--flagged", type=float, default=0.5)
    parser.add_argument("--torch_python", help="a Python with PyTorch")
    arguments = parser.parse_args()
    if arguments.serve:
        serve_ours(*arguments.serve)
        return
    flagged, torch_python = arguments.flagged, arguments.torch_python
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        commands = make_commands(directory, str(flagged), torch_python)
        contenders = contest.start_contenders(stack, commands)
        for image_size, name in itertools.product(
            arguments.image_size, arguments.transform
        ):
            rows = compare(
                contenders,
                directory,
                name,
                image_size,
                flagged,
                arguments.repeats,
            )
            contest.report_rows(rows, LINE, arguments.out, torch_python)


if __name__ == "__main__":
    main()
