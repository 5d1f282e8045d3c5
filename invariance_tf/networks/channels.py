"""The number of channels of a network's layers, and checks of options."""

import math


def scale_channels(numbers, width):
    """Multiplies numbers of channels or neurons by the width of a network.

    Args:
        numbers: Sequence of integers.
        width: Float > 0.

    Returns:
        Tuple of integers, rounded, at least 1 each.

    Raises:
        ValueError: If `width` is not a positive number.

    Example:

    >>> scale_channels((24, 48, 3), 0.25)
    (6, 12, 1)
    """
    if not isinstance(width, int | float) or not 0 < width < math.inf:
        raise ValueError(
            "`width` multiplies the channels of every layer and must be a "
            f"positive number. Received: width={width!r}"
        )
    return tuple(max(1, round(number * width)) for number in numbers)


def check_counts(**counts):
    """Raises unless options are whole numbers of at least 1.

    Args:
        **counts: Their values by name.

    Raises:
        ValueError: If one is not.

    Example:

    >>> check_counts(patch=4, depth=0)
    Traceback (most recent call last):
    ...
    ValueError: `depth` must be a whole number of at least 1. Received: depth=0
    """
    for name, count in counts.items():
        if type(count) is not int or count < 1:
            raise ValueError(
                f"`{name}` must be a whole number of at least 1. "
                f"Received: {name}={count!r}"
            )


def check_dropout(dropout):
    """Raises unless some activity is left by a dropout.

    Args:
        dropout: Float, the part that is dropped.

    Raises:
        ValueError: If not.
    """
    if not 0 <= dropout < 1:
        raise ValueError(
            "`dropout` is the part that is dropped and must be from 0 to below "
            f"1. Received: dropout={dropout!r}"
        )


def check_image_size(images, network, smallest):
    """Raises if images are too small for a network.

    Args:
        images: Tensor of shape `(batch, height, width, channels)`.
        network: String, the network's name.
        smallest: Integer, the least height and width in pixels.

    Raises:
        ValueError: If so.
    """
    if min(images.shape[1:3]) < smallest:
        raise ValueError(
            f"`{network}` needs images of at least {smallest} pixels a side. "
            f"Received: image_size={images.shape[1]}"
        )
