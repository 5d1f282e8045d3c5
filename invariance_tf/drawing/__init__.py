"""Pictures: arrays and tables in, matplotlib figures out."""

import os
import warnings

from invariance_tf import files
from invariance_tf.drawing import style
from invariance_tf.drawing.clusters import draw_clusters
from invariance_tf.drawing.confusion import draw_confusion
from invariance_tf.drawing.examples import draw_examples
from invariance_tf.drawing.measurement import draw_measurement
from invariance_tf.drawing.strengths import draw_strengths

__all__ = [
    "draw_clusters",
    "draw_confusion",
    "draw_examples",
    "draw_measurement",
    "draw_strengths",
    "save",
]

# Without the time of writing, the same figure has the same bytes.
_METADATA = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def save(figure, path, dpi=100):
    """Writes a figure to a file, atomically.

    Args:
        figure: A matplotlib `Figure`.
        path: Path that ends in .png, .pdf or .svg.
        dpi: Dots per inch, of a PNG file.
    """
    metadata = _METADATA.get(os.path.splitext(path)[1])
    with (
        files.replacing(path) as temporary_path,
        style.context(),
        warnings.catch_warnings(),
    ):
        # Names in scripts that the font lacks are drawn as boxes.
        warnings.filterwarnings("ignore", r"Glyph \d+")
        figure.savefig(temporary_path, dpi=dpi, metadata=metadata)
