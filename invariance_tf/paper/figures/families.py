"""The transformations on a synthetic face: Fig. 1b."""

import functools
import textwrap

from invariance_tf.drawing import layout, style
from invariance_tf.drawing.examples import displayable
from invariance_tf.paper.studies import transforms_of
from invariance_tf.settings.families import FAMILIES

# The picture is larger than the data set's images, to which the strengths of
# transformations belong: its blur is as much wider.
IMAGE_SIZE, DATA_SIZE = 96, 48
# Both rows are seven images wide.
ROWS = (("original", "color", "geometric", ""), ("convolutional", "noise"))
NUM_COLUMNS = 7


@functools.cache
def make_layers():
    """Makes the transformations, as strong as for synthetic faces.

    Returns:
        Dictionary from names, the identity first, to functions from uint8
        images of `IMAGE_SIZE` to standardised ones as a network sees them.
    """
    import keras

    from invariance_tf import transforms
    from invariance_tf.paradigm.model import Standardize, keras_defaults
    from invariance_tf.settings import config

    def make(name):
        arguments = config.transform_args("synthfaces", name)
        if name == "blur":
            arguments["sigma"] *= IMAGE_SIZE / DATA_SIZE
        if name in FAMILIES["noise"]:
            arguments["seed"] = 0
        with keras_defaults():
            layer = transforms.get(name, **arguments)

        def transform(images):
            return keras.ops.convert_to_numpy(Standardize()(layer(images)))

        return transform

    return {name: make(name) for name in ("identity", *transforms_of("faces"))}


def make_faces(num_people):
    """Makes a training and a test image of each of a few people.

    Returns:
        Two uint8 arrays of shape `(num_people, IMAGE_SIZE, IMAGE_SIZE, 3)`.
    """
    from invariance_tf import datasets

    small = {"num_categories": num_people, "num_train": 1, "num_test": 1}
    dataset = datasets.get("synthfaces", image_size=IMAGE_SIZE, **small)
    return dataset.images[~dataset.is_test], dataset.images[dataset.is_test]


def draw_family(images, panels):
    """Draws the images of a family beside each other, with their names.

    Args:
        images: Dictionary from names of transformations to standardised
            images of shape `(height, width, 3)`.
        panels: List of as many matplotlib `Axes`.
    """
    for axes, (name, image) in zip(panels, images.items(), strict=True):
        axes.imshow(displayable(image), interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_anchor("N")
        label = style.look_of(name).label
        is_narrow = layout.width_of(axes.figure) < 0.8 * len(images)
        if is_narrow:
            label = textwrap.fill(label, 10, break_long_words=False)
        size = style.TINY if is_narrow else 7
        axes.set_xlabel(label, labelpad=2, fontsize=size)


def fill_families(figure, studies, frame):
    """Draws Fig. 1b, for which no runs are needed."""
    face = make_faces(4)[1][1:2]
    images = {name: layer(face)[0] for name, layer in make_layers().items()}
    families = {"original": ("identity",), **FAMILIES}
    bands = figure.subfigures(len(ROWS), 1)
    for band, row in zip(bands, ROWS, strict=True):
        widths = [len(families.get(family, " ")) for family in row]
        parts = band.subfigures(1, len(row), width_ratios=widths)
        for part, family in zip(parts, row, strict=True):
            if family not in families:
                continue
            names = families[family]
            part.suptitle(family, fontsize=7, color=style.GREY)
            panels = part.subplots(1, len(names), squeeze=False)[0]
            draw_family({name: images[name] for name in names}, panels)
    pitch = layout.width_of(figure) / NUM_COLUMNS
    names_height = 0.27 if pitch > 0.8 else 0.4
    return len(ROWS) * (pitch + names_height) + layout.write_note(
        figure,
        "A synthetic face, standardised as the network sees it: mid-grey is "
        "the image's mean, black and white are 3 standard deviations from it.",
    )
