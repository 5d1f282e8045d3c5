"""The experimental paradigm on synthetic faces: Fig. 1a."""

from matplotlib.patches import FancyArrowPatch, Rectangle

from invariance_tf.drawing import layout, style
from invariance_tf.drawing.examples import displayable
from invariance_tf.paper.figures.families import make_faces, make_layers

# The transformation that stands for any of them.
TRANSFORM = "highpass"
# Of four people, the first two are seen transformed.
GROUPS = {
    "seen": ("#0072B2", (0, 1), 1.6),
    "unseen": ("#B8720A", (2, 3), 0.1),
}
# The canvas, in widths of an image, and its columns.
WIDTH, HEIGHT = 13.3, 3.75
MIDDLE = 1.35
COLUMNS = {"original": 1.7, "transformed": 3.95}
NETWORK, TEST, END = 6.85, 9.2, 11.4


def fill_paradigm(figure, studies, frame):
    """Draws Fig. 1a, for which no runs are needed."""
    trained, tested = make_faces(len(GROUPS) * 2)
    layers = make_layers()
    pictures = {
        (purpose, version): [*map(displayable, layers[name](images))]
        for purpose, images in (("training", trained), ("test", tested))
        for version, name in (
            ("original", "identity"),
            ("transformed", TRANSFORM),
        )
    }
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT), aspect="equal")
    for group, (color, people, y) in GROUPS.items():
        _name_group(axes, group, y, color)
        for version, x in COLUMNS.items():
            if group == "unseen" and version == "transformed":
                _add_box(axes, x, y, style.GREY, linestyle=(0, (3, 3)))
                _write(axes, x + 1, y + 0.5, "never", color=style.GREY)
            else:
                _add_images(axes, pictures["training", version], people, x, y)
        _add_images(axes, pictures["test", "transformed"], people, TEST, y)
        _add_box(axes, TEST, y, color)
        _add_arrow(axes, (NETWORK + 1.6, MIDDLE), (TEST - 0.1, y + 0.5))
        look = {"ha": "left", "color": color, "weight": "bold"}
        accuracy = "within" if group == "seen" else "across"
        text = f"{accuracy}-category\naccuracy"
        _write(axes, END, y + 0.5, text, **look)
    _name_columns(axes)
    _add_network(axes)
    scale = layout.width_of(figure) / WIDTH
    return scale * HEIGHT + layout.write_note(
        figure,
        "Every category is trained with original images; only those that are "
        "seen transformed also with transformed ones (here: high-pass). Test "
        "images are of the same categories and were not in the training.",
    )


def _name_columns(axes):
    """Names the columns of images, above the first row."""
    for version, x in (*COLUMNS.items(), ("transformed", TEST)):
        _write(axes, x + 1, 2.85, version, color=style.GREY)
    for text, start, stop in (
        ("training", COLUMNS["original"], COLUMNS["transformed"] + 2),
        ("test", TEST, TEST + 2),
    ):
        axes.plot([start, stop], [3.15, 3.15], color="#BBBBBB", linewidth=0.7)
        _write(axes, (start + stop) / 2, 3.45, text, weight="bold")


def _add_network(axes):
    """Draws the network, and an arrow from the training to it."""
    _add_arrow(axes, (6.05, MIDDLE), (NETWORK - 0.05, MIDDLE))
    corner = NETWORK, MIDDLE - 0.6
    look = {"facecolor": "#EFEFEF", "edgecolor": "#555555"}
    axes.add_patch(Rectangle(corner, 1.5, 1.2, **look))
    _write(axes, NETWORK + 0.75, MIDDLE, "DCNN", weight="bold")


def _name_group(axes, group, y, color):
    """Names a group of categories at the left."""
    _write(axes, 0, y + 0.68, group, ha="left", color=color, weight="bold")
    _write(axes, 0, y + 0.3, "categories", ha="left")


def _add_images(axes, images, people, x, y):
    """Draws images of two people beside each other."""
    for column, person in enumerate(people):
        left = x + 1.03 * column
        axes.imshow(
            images[person],
            extent=(left, left + 0.97, y, y + 0.97),
            interpolation="nearest",
        )
    # Each `imshow` has changed the limits.
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))


def _add_box(axes, x, y, color, **look):
    """Frames the place of two images."""
    axes.add_patch(
        Rectangle(
            (x - 0.05, y - 0.05),
            2.1,
            1.07,
            fill=False,
            edgecolor=color,
            linewidth=1.2,
            **look,
        )
    )


def _add_arrow(axes, start, stop):
    """Draws an arrow."""
    axes.add_patch(
        FancyArrowPatch(
            start,
            stop,
            arrowstyle="-|>",
            mutation_scale=6,
            color="#555555",
            linewidth=0.8,
            shrinkA=0,
            shrinkB=0,
        )
    )


def _write(axes, x, y, text, **look):
    """Writes a text, in smaller letters where the figure is narrow."""
    size = 7 if layout.width_of(axes.figure) > 5 else style.TINY
    look = {"ha": "center", "va": "center", "fontsize": size} | look
    axes.text(x, y, text, **look)
