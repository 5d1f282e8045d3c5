"""The look of drawings on light and on dark pages, and their common parts."""

import dataclasses
import io

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from invariance_tf.drawing import style

WIDTH = 6.6  # inches


@dataclasses.dataclass(frozen=True)
class Theme:
    """Holds the colours of a light or of a dark page."""

    ink: str
    muted: str
    faint: str
    page: str
    seen: str
    unseen: str

    @property
    def settings(self):
        """Matplotlib's settings for a drawing whose background is the page."""
        inks = ("text.color", "axes.labelcolor", "axes.titlecolor")
        muted = ("axes.edgecolor", "xtick.color", "ytick.color")
        return {
            "font.size": 9,
            "axes.titlesize": 9.5,
            "axes.labelsize": 9,
            "xtick.labelsize": 8,
            "ytick.labelsize": 8,
            "axes.facecolor": "none",
            "savefig.transparent": True,
            "grid.color": self.faint,
            **dict.fromkeys(inks, self.ink),
            **dict.fromkeys(muted, self.muted),
        }

    def ramp(self, *colors):
        """Returns a colour map through colours."""
        return LinearSegmentedColormap.from_list("ramp", colors)


THEMES = {
    "light": Theme(
        "#1f2430", "#5d6675", "#d5d9e0", "#ffffff", "#0072b2", "#b8720a"
    ),
    "dark": Theme(
        "#e6e9f0", "#a3acbb", "#454c5a", "#1e2129", "#56b4e9", "#f2c063"
    ),
}


def make_svg(draw, theme):
    """Returns a figure as SVG, in bytes.

    Args:
        draw: Function of a `Theme` that returns a figure.
        theme: A `Theme`.
    """
    # The reader may not have the font.
    settings = {**style.SETTINGS, "svg.fonttype": "path", **theme.settings}
    with matplotlib.rc_context(settings):
        stream = io.BytesIO()
        figure = draw(theme)
        figure.savefig(stream, format="svg", metadata={"Date": None})
    svg = stream.getvalue()
    # Figures of the package set their own grid.
    grid = style.SETTINGS["grid.color"].lower().encode()
    svg = svg.replace(grid, theme.faint.encode())
    if theme is THEMES["dark"]:
        looks = (look.color for look in style.LOOKS.values())
        for color in (style.GREY, style.FLOOR["color"], *looks):
            svg = svg.replace(color.lower().encode(), _lighten(color).encode())
    return svg


def _lighten(color):
    """Mixes a colour with white until it stands out from a dark page."""
    rgb = np.array(to_rgb(color))
    while rgb @ (0.2126, 0.7152, 0.0722) < 0.4:
        rgb = rgb + 0.1 * (1 - rgb)
    return to_hex(rgb)


def make_panels(height, number, **options):
    """Returns a figure as wide as a page, and its panels from left to right."""
    figure = Figure(figsize=(WIDTH, height))
    return figure, figure.subplots(1, number, squeeze=False, **options)[0]


def make_canvas(xlim, ylim):
    """Returns a figure as wide as a page, and axes without a frame."""
    height = WIDTH * (ylim[1] - ylim[0]) / (xlim[1] - xlim[0])
    figure = Figure(figsize=(WIDTH, height), layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=xlim, ylim=ylim, autoscale_on=False)
    return figure, axes


def add_image(axes, image, x, y):
    """Draws an image whose lower left corner is at x and y."""
    extent = (x, x + 0.95, y, y + 0.95)
    axes.imshow(image, extent=extent, interpolation="nearest", aspect="auto")


def add_box(axes, x, y, width, height, **look):
    """Draws a rectangle, empty unless the look has a `facecolor`."""
    look = {"facecolor": "none", **look}
    axes.add_patch(Rectangle((x, y), width, height, **look))


def add_level(axes, value, theme):
    """Draws a broken line across a panel."""
    axes.axhline(value, color=theme.ink, linewidth=0.8, linestyle=(0, (3, 2)))
