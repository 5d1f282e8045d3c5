"""Pictures: arrays and tables in, matplotlib figures out."""

from invariance_tf.figures.confusion import draw_confusion
from invariance_tf.figures.examples import draw_examples

__all__ = ["draw_confusion", "draw_examples", "save"]


def save(figure, path, dpi=100):
    """Writes a figure to a file, atomically."""
    from invariance_tf.results import replacing

    with replacing(path) as temporary_path:
        figure.savefig(temporary_path, dpi=dpi)
