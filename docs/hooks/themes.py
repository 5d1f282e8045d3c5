"""The look of drawings on light and on dark pages."""

import dataclasses
import io

import matplotlib
from matplotlib.colors import LinearSegmentedColormap

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


def make(draw, theme):
    """Makes one drawing; its background is the page's."""
    settings = {
        **style.SETTINGS,
        # The reader may not have the font.
        "svg.fonttype": "path",
        "font.size": 9,
        "axes.titlesize": 9.5,
        "axes.labelsize": 9,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "text.color": theme.ink,
        "axes.edgecolor": theme.muted,
        "axes.facecolor": "none",
        "axes.labelcolor": theme.ink,
        "axes.titlecolor": theme.ink,
        "xtick.color": theme.muted,
        "ytick.color": theme.muted,
        "savefig.transparent": True,
    }
    with matplotlib.rc_context(settings):
        stream = io.BytesIO()
        draw(theme).savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
