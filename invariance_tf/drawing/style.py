"""The one style of the paper's figures: names, colours, markers, fonts.

Hues are those of Okabe and Ito, one for each family of transformations; within
a family shades differ, so that a print in grey keeps them apart. Markers differ
between all transformations, dashes within a family.
"""

import dataclasses
import itertools
import re
import zlib

import matplotlib

from invariance_tf import foreign
from invariance_tf.settings.families import FAMILIES


@dataclasses.dataclass(frozen=True)
class Look:
    """Holds how a transformation is written and drawn.

    Attributes:
        label: String, its name in words.
        color: String, of lines, markers and violins.
        marker: String or tuple, matplotlib's name of the marker.
        dashes: Tuple of lengths in line widths; empty for a whole line.
    """

    label: str
    color: str
    marker: str | tuple
    dashes: tuple = ()

    @property
    def linestyle(self):
        """Returns the dashes as matplotlib takes them."""
        return (0, self.dashes or None)


_DASHED, _DOTTED, _DASH_DOT, _DASH_DOT_DOT = (
    (4, 2),
    (1, 1.2),
    (5, 1.5, 1, 1.5),
    (6, 1, 1, 1, 1, 1),
)

LOOKS = {
    "identity": Look("Original", "#000000", "|"),
    "grayscale": Look("Grayscale", "#A33F00", "p"),
    "hue_rotation": Look("Hue rotation", "#E69F00", "h", _DASHED),
    "blur": Look("Blur", "#0B2A5B", "o"),
    "highpass": Look("High-pass", "#0072B2", "s", _DASHED),
    "horizontal": Look("Horizontal", "#56B4E9", "^", _DOTTED),
    "vertical": Look("Vertical", "#5B5FC7", "v", _DASH_DOT),
    "contrast_inversion": Look(
        "Contrast inversion", "#9CB8D9", "D", _DASH_DOT_DOT
    ),
    "white_noise": Look("White noise", "#7B2D6B", "P"),
    "salt_pepper": Look("Salt & pepper", "#CC79A7", "X", _DASHED),
    "rotate90": Look("Rotation 90°", "#00513B", "<"),
    "rotate180": Look("Rotation 180°", "#009E73", ">", _DASHED),
    "thinning": Look("Thinning", "#7CC6A4", "d", _DOTTED),
}

# Of transformations that are not the paper's: greys, dashes and markers. All
# markers have faces, as their edges are white.
_OTHER_LOOKS = [
    *itertools.product(
        ("#333333", "#666666", "#999999"),
        ((), _DASHED, _DOTTED, _DASH_DOT, _DASH_DOT_DOT),
        ("*", (4, 1, 0), "H", (3, 1, 0), "8", (4, 1, 45), (3, 1, 180)),
    )
]

# Faces and hatches of violins.
SEEN = {"facecolor": "#0072B2", "hatch": None}
UNSEEN = {"facecolor": "#F2C063", "hatch": "////"}
ORIGINAL_ONLY = {"facecolor": "#DDDDDD", "hatch": "////"}

GREY = "#666666"

# Widths of a journal's page and of one of its two columns, in inches.
PAGE, COLUMN = 7.2, 3.5

# Of a name that may be anything, in letters.
LONGEST_NAME = 24

# Sizes of letters, in points. Nothing is smaller than `TINY`.
NOTE, TINY = 6, 5

SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 4,
    "axes.labelsize": 7,
    "axes.labelpad": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.5,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.pad": 2.5,
    "ytick.major.pad": 2.5,
    "legend.fontsize": 6.5,
    "legend.title_fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "legend.handletextpad": 0.6,
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.35,
    # A $ in a name begins no formula.
    "text.parse_math": False,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.6,
    "hatch.linewidth": 0.4,
    "figure.titlesize": 8,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    # Text stays text, and a figure drawn again has the same bytes.
    "svg.fonttype": "none",
    "svg.hashsalt": "invariance_tf",
    "pdf.fonttype": 42,
}


def context():
    """Returns a context in which figures are made and saved in this style."""
    return matplotlib.rc_context(SETTINGS)


def family_of(transform):
    """Returns the family of a transformation: one of the paper's, or other."""
    for family, names in FAMILIES.items():
        if transform in names:
            return family
    return "other"


def look_of(transform):
    """Returns the `Look` of a transformation, also of one of the user's own.

    Example:

    >>> look_of("my_lab.transforms:Swirl").label
    'Swirl'
    >>> look_of("highpass+rotate90").label
    'High-pass + Rotation 90°'
    """
    return looks_of([transform])[transform]


def looks_of(transforms):
    """Returns the `Look` of each of the transformations that a figure shows.

    The user's own look alike in every figure, unless two of one figure would
    look the same.

    Args:
        transforms: List of names.

    Returns:
        Dictionary from names to a `Look`, in the order of the names.
    """
    looks, taken = {**LOOKS}, set()
    for transform in sorted({*transforms} - {*LOOKS}):
        number = zlib.crc32(transform.encode()) % len(_OTHER_LOOKS)
        while number in taken and len(taken) < len(_OTHER_LOOKS):
            number = (number + 1) % len(_OTHER_LOOKS)
        taken.add(number)
        color, dashes, marker = _OTHER_LOOKS[number]
        looks[transform] = Look(_label(transform), color, marker, dashes)
    return {transform: looks[transform] for transform in transforms}


def _label(transform):
    """Writes a transformation that is not the paper's in words."""
    # Legends leave out what begins with an underscore.
    name = transform.rpartition(":")[2].lstrip("_")
    longest = LONGEST_NAME
    if {*"+,"} & {*transform}:
        longest *= 2
        parts = re.split("([+,])", transform)
        parts[::2] = (look_of(part).label for part in parts[::2])
        name = "".join(parts).replace("+", " + ").replace(",", ", ")
    return foreign.shorten(name, longest)


# The units of the arguments that are strengths.
_UNITS = {
    "sigma": "pixels",
    "std": "grey levels",
    "amount": "share of the pixels",
    "angle": "degrees",
    "factor": "times narrower",
}


def label_strength(parameter):
    """Returns the label of an axis of strengths.

    Example:

    >>> label_strength("sigma"), label_strength("turns")
    ('sigma (pixels)', 'turns')
    """
    unit = _UNITS.get(parameter)
    return f"{parameter} ({unit})" if unit else parameter


def by_family(transforms):
    """Sorts transformations into their families; those of the user's last.

    Returns:
        Dictionary from the families that have any to lists of names.

    Example:

    >>> by_family(["blur", "rotate90", "vertical"])
    {'convolutional': ['blur', 'vertical'], 'geometric': ['rotate90']}
    """
    found = {family: [] for family in (*FAMILIES, "other")}
    for name in transforms:
        found[family_of(name)].append(name)
    return {family: names for family, names in found.items() if names}


# A dotted line where guessing would be.
CHANCE = {
    "color": GREY,
    "linewidth": 0.7,
    "linestyle": (0, (1, 2)),
    "gid": "chance",
}

# Over the dot of a network at chance on original images.
AT_CHANCE = {
    "color": GREY,
    "linestyle": "none",
    "marker": "x",
    "markersize": 5,
    "markeredgewidth": 0.9,
    "gid": "at chance",
}

# The coefficient with T of another image instead of T(x): its floor.
FLOOR = {
    "color": "#333333",
    "linestyle": (0, (1, 1)),
    "linewidth": 1.0,
    "label": "floor S: T of an image of another category",
}
SAME_CATEGORY = FLOOR | {
    "linestyle": (0, (3, 1)),
    "label": "T of another image of the category",
}
# Without a break within the formula.
_FORMULA = "J = (I − S) / (1 − S)".replace(" ", "\u00a0")
CORRECTED_NOTE = (
    f"{_FORMULA}: 1 where T changes nothing, 0 where T(x) is no more like x "
    "than T of an image of another category."
)
