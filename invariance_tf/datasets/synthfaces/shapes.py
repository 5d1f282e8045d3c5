"""Shapes as signed distances, negative inside, and where to paint them.

Nothing is used but additions, products, quotients, square roots, rounding and
comparisons: IEEE 754 defines their results, so every machine paints the same
pixels. Exponentials, sines, powers and matrix products differ in their last
bits between libraries and processors.
"""

import numpy as np


class View:
    """Holds a rectangle of some images and its coordinates in a frame.

    Args:
        pixels: float32 array of shape `(num_images, 3, height, width)`,
            painted in place.
        x: float32 array that broadcasts to `(num_images, height, width)`, the
            frame's coordinate to the right.
        y: As `x`, the coordinate downwards.
        unit: float32 array of shape `(num_images, 1, 1)`, the side of a pixel
            in the frame.
    """

    def __init__(self, pixels, x, y, unit):
        self.pixels = pixels
        self.x = x
        self.y = y
        self.unit = unit

    def crop(self, x, y, half_width, half_height):
        """Returns the part that holds a rectangle of the frame in any image.

        What is painted there must end within the rectangle: otherwise an image
        would depend on those that it is drawn with.
        """
        half_width = half_width + self.unit
        half_height = half_height + self.unit
        near = self.x > x - half_width
        near &= self.x < x + half_width
        near &= self.y > y - half_height
        near &= self.y < y + half_height
        near = near.any(axis=0)
        rows, columns = _extent(near.any(axis=1)), _extent(near.any(axis=0))
        return View(
            self.pixels[:, :, rows, columns],
            self.x[:, rows, columns],
            self.y[:, rows, columns],
            self.unit,
        )

    def paint(self, distance, colour, opacity=None, softness=0.0):
        """Blends a colour into the inside of a shape.

        Args:
            distance: float32 array of shape `(num_images, height, width)`.
            colour: Float or array of shape `(num_images, 3, 1, 1)`.
            opacity: Array of shape `(num_images, 1, 1)`, from 0 to 1, or
                `None` for 1.
            softness: Float. Width of the edge in the frame's unit, at least
                one pixel.
        """
        coverage = distance * (-1.0 / np.maximum(self.unit, softness)) + 0.5
        np.clip(coverage, 0.0, 1.0, out=coverage)
        if opacity is not None:
            coverage *= opacity
        change = colour - self.pixels
        change *= coverage[:, np.newaxis]
        self.pixels += change


def _extent(flags):
    """Returns the slice from the first to the last true element."""
    indices = np.flatnonzero(flags)
    return slice(indices[0], indices[-1] + 1) if indices.size else slice(0)


def ellipse(x, y, half_width, half_height):
    """Returns roughly the distance to an ellipse around the origin."""
    across, down = x / half_width, y / half_height
    distance = np.sqrt(across * across + down * down) - 1.0
    # In place, to stay float32: the lesser of two Python floats is a float64.
    distance *= np.minimum(half_width, half_height)
    return distance


def bar(x, y, half_width, half_height, radius):
    """Returns the distance to a rectangle with round corners."""
    x = np.abs(x) - (half_width - radius)
    y = np.abs(y) - (half_height - radius)
    inside = np.minimum(np.maximum(x, y), 0.0)
    x, y = np.maximum(x, 0.0), np.maximum(y, 0.0)
    return np.sqrt(x * x + y * y) + inside - radius


def head(x, y, face, grow=0.0, drop=0.0):
    """Returns roughly the distance to a head that tapers towards the chin.

    Args:
        x: float32 array of shape `(num_images, height, width)`, in the head's
            frame.
        y: As `x`.
        face: Namespace with `width`, `crown`, `chin`, `jaw` and `square`.
        grow: Float or array. How much larger to make it on every side.
        drop: Float or array. How much more to add at the chin.
    """
    down = np.maximum(y, 0.0)
    up = (y - down) / (face.crown + grow)
    down = down / (face.chin + grow + drop)
    width = 1.0 - np.minimum(down * down, 1.0) * face.jaw
    across = x / (width * (face.width + grow))
    across *= across
    down += up
    down *= down
    # x^2 + y^2 - s x^2 y^2 = 1 is a circle for s = 0 and a square for s = 1.
    corner = np.minimum(across, 1.0) * np.minimum(down, 1.0) * face.square
    return (np.sqrt(across - corner + down) - 1.0) * face.width


def unite(first, second, blend):
    """Returns the distance to a union whose notch is filled by a fillet."""
    near = np.minimum(np.abs(first - second) - blend, 0.0)
    return near * near * (-0.25 / blend) + np.minimum(first, second)


def intersect(first, second, blend):
    """Returns the distance to an intersection whose corner is rounded."""
    return -unite(-first, -second, blend)


def ripple(position, period):
    """Returns a wave between -1 and 1 that is made of parabolas.

    Example:

    >>> ripple(np.arange(5) / 4, 1.0)
    array([ 1.,  0., -1.,  0.,  1.])
    """
    phase = position / period
    phase -= np.floor(phase)
    phase = np.abs(phase - 0.5) - 0.25
    return phase * (8.0 - 16.0 * np.abs(phase))
