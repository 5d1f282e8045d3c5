"""Measures the neurons of any Keras model on any images."""

import dataclasses
import os
import sys
from typing import Literal

from invariance_tf import files
from invariance_tf.commands import measurement, terminal
from invariance_tf.commands.parsing import Arguments
from invariance_tf.commands.places import check_place
from invariance_tf.commands.progress import Bar
from invariance_tf.settings import checks, conditions

_EXAMPLES = """\
examples:
  the layer before the last dense one, with a blur of two strengths:
    invariance-tf measure model.keras --images DIR --transform blur:2,4
  all transformations of the paper and all layers with ReLU; the images of the
  model go from -1 to 1:
    invariance-tf measure model.keras --images DIR --transform all \\
        --layers all --preprocess -1..1 --out measured
  a network of keras.applications:
    invariance-tf measure ResNet50 --download --images DIR \\
        --transform highpass rotate90 white_noise:50,100
"""
_GROUPS = {
    "model": "weights download preprocess trust",
    "images": "images image_size max_images",
    "measures": "transform layers spatial activity tau measures",
    "run": "seed batch_size out overwrite",
}


@dataclasses.dataclass(frozen=True)
class Options:
    """Measures how invariant the neurons of a Keras model are.

    Nothing is trained. The images are transformed, and the activity of each
    neuron for an image is compared with that for its transformed version.
    Writes tables, figures and one page to a directory.

    Args:
        model: A .keras file, or the name of a network of keras.applications,
            such as ResNet50.
        weights: File with the weights of a network of keras.applications.
        download: Let Keras download the weights of ImageNet for a network of
            keras.applications.
        preprocess: What the model expects: a range of values, such as 0..1 or
            -1..1, or a module of keras.applications whose preprocess_input is
            applied after the transformation, such as resnet50. Default: 0..255
            for a file, and for a network its own.
        trust: Import the modules that the model's file names; only for files
            whose author you trust.
        images: Directory of images. Folders in it are categories, which the
            controls and decode_categories use; without folders each image is
            one of its own.
        image_size: Height and width in pixels to which the central square of
            each image is resized; needed where the model leaves it open.
        max_images: Read at most this many images, drawn at random and evenly
            from the categories.
        transform: Names of transformations, or all. Strengths follow a colon,
            such as blur:1,2,4 rotate90.
        layers: Names of layers; all means those with ReLU or, with --activity,
            every layer. By default the one before the last dense layer.
        spatial: What a neuron is: max, a channel with its largest activity
            over positions; or all, each channel at each position, as in the
            paper.
        activity: For layers with negative activity: rectified counts it as
            0, signed as a response of another kind.
        tau: Normalised activity above which a neuron counts as active, from 0
            to below 1.
        measures: Measures of whole layers too, or all (linear_cka, rsa,
            goodfellow_score, normalized_variance, decode_transformed,
            decode_categories); they take time.
        seed: Random seed of noise and of the choice of images.
        batch_size: The most images that go through the network together, at
            most 128.
        out: Directory to write to.
        overwrite: Replace an existing measurement, even with other settings.
    """

    model: str
    images: str
    weights: str | None = None
    download: bool = False
    preprocess: str | None = None
    trust: bool = False
    image_size: int | None = None
    max_images: int = 1000
    transform: list[str] = ("highpass",)
    layers: list[str] = ()
    spatial: Literal["max", "all"] = "max"
    activity: Literal["rectified", "signed"] | None = None
    tau: float = 0.1
    measures: list[str] = ()
    seed: int = 0
    batch_size: int | None = None
    out: str = "measurement"
    overwrite: bool = False


@terminal.command("Run the same command again.")
def measure_model(arguments, program):
    """Measures a model on images.

    Returns:
        Exit status: 0 done, 2 a mistake, 130 interrupted.
    """
    parser = Arguments(
        Options,
        program,
        positional="model",
        examples=_EXAMPLES,
        groups=_GROUPS,
    )
    with terminal.mistakes():
        options, _ = parser.parse(_join_range(arguments))
        chosen = conditions.read_conditions(options.transform)
        checks.read_layer_measures(",".join(options.measures))
        check_place(options.out, "out")
        _check_model(options)
        record = measurement.describe_settings(options, chosen)
        is_done = measurement.is_done(options, record)
    if not is_done:
        with terminal.busy("Loading Keras"), terminal.quiet_start():
            from invariance_tf.runs import own_model  # noqa: F401
        terminal.start_logging()
        kinds = (ValueError, TypeError, OSError, ImportError)
        with terminal.mistakes(kinds), measurement.claimed(options.out):
            # Another process may have written one since.
            is_done = measurement.is_done(options, record)
            if not is_done:
                _measure(options, chosen, record)
    with terminal.mistakes():
        measurement.show_measurement(options.out, is_done)


def _join_range(arguments):
    """Joins --preprocess and -1..1, which would pass for an option."""
    arguments = [*(sys.argv[1:] if arguments is None else arguments)]
    if "--preprocess" in arguments[:-1]:
        index = arguments.index("--preprocess")
        pair = arguments[index : index + 2]
        arguments[index : index + 2] = ["=".join(pair)]
    return arguments


def _check_model(options):
    """Raises unless there is a file of the model, or weights for a network."""
    name = options.model
    is_file = os.path.exists(name) or not name.isidentifier()
    received = f"Received: model={name}"
    if not os.path.isdir(options.images):
        raise FileNotFoundError(
            "`images` must be a directory of images. "
            f"Received: images={options.images}"
        )
    if is_file:
        if not os.path.exists(name):
            raise FileNotFoundError(f"The file does not exist. {received}")
        if options.weights or options.download:
            raise ValueError(
                "A file has its own weights: leave out --weights and "
                f"--download. {received}"
            )
        return
    if bool(options.weights) == options.download:
        raise ValueError(
            "A network of keras.applications needs either --weights FILE or "
            "--download, which lets Keras download those of ImageNet. Your own "
            f"model is a .keras file. {received}"
        )
    if options.weights and not os.path.isfile(options.weights):
        raise FileNotFoundError(
            f"The file does not exist. Received: weights={options.weights}"
        )


def _read(options):
    """Reads model and images.

    Returns:
        The model, a `folder.Images`, and arguments of `measure_conditions`.
    """
    from invariance_tf.datasets import folder
    from invariance_tf.runs import own_model

    with terminal.busy(f"Reading {os.path.basename(options.model)}"):
        model, preprocess = own_model.read_network(
            options.model,
            "imagenet" if options.download else options.weights,
            options.image_size,
            options.trust,
        )
    if options.preprocess:
        preprocess = own_model.read_preprocessing(options.preprocess)
    size, channels = own_model.find_size(model, options.image_size)
    layers = own_model.choose_layers(
        model,
        [name for text in options.layers for name in text.split(",")],
        (size, size, channels),
        options.activity is not None,
    )
    read = folder.read_images(
        options.images, size, options.max_images, options.seed
    )
    if channels == 1:
        read = dataclasses.replace(read, images=own_model.to_grey(read.images))
    return model, read, {"layers": layers, "preprocess": preprocess}


def _measure(options, chosen, settings):
    """Measures a model, and writes everything to the directory."""
    from invariance_tf.runs import conditions_measured, provenance

    model, read, arguments = _read(options)
    with Bar("Transformations", len(chosen)) as bar:
        neurons, layers = conditions_measured.measure_conditions(
            model,
            read.images,
            read.labels,
            chosen,
            _Report(bar),
            **arguments,
            tau=options.tau,
            activity=options.activity,
            spatial=options.spatial,
            measures=checks.read_layer_measures(",".join(options.measures)),
            seed=options.seed,
            batch_size=options.batch_size,
        )
    record = {
        "is_finished": False,
        "settings": settings,
        "layers": arguments["layers"],
        "images": {
            "num_images": len(read.images),
            "num_found": read.num_found,
            "image_size": read.images.shape[1],
            "categories": read.categories,
            "skipped": read.skipped,
        },
        "environment": provenance.describe_environment(),
    }
    with terminal.busy("Drawing"):
        _write(options.out, record, neurons, layers)


def _write(out, record, neurons, layers):
    """Writes tables, figures and the page."""
    from invariance_tf.paper.report import own_model
    from invariance_tf.runs import conditions_measured

    # First, so that what is written halfway is known for ours.
    path = os.path.join(out, measurement.RECORD)
    files.write_json(path, record)
    figures = conditions_measured.draw_figures(neurons, layers)
    conditions_measured.write_tables(out, neurons, layers, figures)
    own_model.write_page(
        os.path.join(out, measurement.PAGE), record, layers, figures
    )
    files.write_json(path, record | {"is_finished": True})


class _Report:
    """Shows on a bar how far a measurement is.

    Args:
        bar: A `progress.Bar` over transformations.
    """

    def __init__(self, bar):
        self._bar = bar
        self._num_images = 0

    def __call__(self, condition, num_images, found):
        self._num_images += num_images
        if found is None:
            self._bar.advance(0, f"{condition}: {self._num_images:,} images")
            return
        self._num_images = 0
        mean = found.summary.mean_invariance.iloc[-1]
        self._bar.advance(
            1, f"{condition}: invariance {terminal.format_number(mean)}"
        )
