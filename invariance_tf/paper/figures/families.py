"""The transformations on a synthetic face: Fig. 1b."""

from invariance_tf.drawing import layout, style
from invariance_tf.drawing.examples import displayable
from invariance_tf.paper.studies import transforms_of
from invariance_tf.settings.families import FAMILIES

# The picture is larger than the data set's images, to which the strengths of
# transformations belong: its blur is as much wider.
IMAGE_SIZE, DATA_SIZE = 96, 48
# Both rows are seven images wide.
ROWS = (("original", "color", "geometric", ""), ("convolutional", "noise"))


def transform_face():
    """Transforms a synthetic face by every transformation.

    Returns:
        Dictionary from names, the identity first, to float images of shape
        `(height, width, 3)`, standardised as a network sees them.
    """
    import keras

    from invariance_tf import datasets, transforms
    from invariance_tf.paradigm.model import Standardize, channels_last
    from invariance_tf.settings import config

    small = {"num_categories": 4, "num_train": 1, "num_test": 1}
    dataset = datasets.get("synthfaces", image_size=IMAGE_SIZE, **small)
    face = dataset.images[dataset.is_test][1:2]
    images = {}
    for name in ("identity", *transforms_of("faces")):
        arguments = config.transform_args("synthfaces", name)
        if name == "blur":
            arguments["sigma"] *= IMAGE_SIZE / DATA_SIZE
        if name in FAMILIES["noise"]:
            arguments["seed"] = 0
        with channels_last():
            layer = transforms.get(name, **arguments)
        transformed = Standardize()(layer(face))
        images[name] = keras.ops.convert_to_numpy(transformed)[0]
    return images


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
        axes.set_xlabel(style.LOOKS[name].label, labelpad=2)


def fill_families(figure, studies):
    """Draws Fig. 1b, for which no runs are needed."""
    images = transform_face()
    families = {"original": ("identity",), **FAMILIES}
    bands = figure.subfigures(len(ROWS), 1)
    for band, row in zip(bands, ROWS, strict=True):
        widths = [len(families.get(family, " ")) for family in row]
        parts = band.subfigures(1, len(row), width_ratios=widths)
        for part, family in zip(parts, row, strict=True):
            if family not in families:
                continue
            names = families[family]
            part.suptitle(family, fontsize=8.5, color=style.GREY)
            panels = part.subplots(1, len(names), squeeze=False)[0]
            draw_family({name: images[name] for name in names}, panels)
    layout.write_note(
        figure,
        "A synthetic face, standardised as the network sees it: mid-grey is "
        "the image's mean, black and white are 3 standard deviations from it.",
    )
