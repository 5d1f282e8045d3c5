"""Chooses the best setting of a grid."""

import dataclasses
import math
import statistics


@dataclasses.dataclass(frozen=True)
class Setting:
    """Holds a setting of the grid and the accuracies of its networks.

    Attributes:
        learning_rate: Float.
        weight_decay: Float.
        accuracies: Tuple of one float per seed, from 0 to 1, on original
            held-out images; `None` if the training failed: it
            diverged, or did not learn and was to stop then.
    """

    learning_rate: float
    weight_decay: float
    accuracies: tuple

    @property
    def num_failed(self):
        """Number of seeds whose training failed."""
        return self.accuracies.count(None)

    @property
    def measured(self):
        """Accuracies where the training did not fail."""
        return [each for each in self.accuracies if each is not None]

    @property
    def median(self):
        """Median of `measured`, nan if that is empty."""
        return statistics.median(self.measured or [math.nan])


def choose_setting(settings):
    """Chooses the setting with the highest median accuracy over seeds.

    A setting at which any training failed is never chosen. Among equal
    medians the lowest learning rate wins, then the lowest weight decay.

    Args:
        settings: List of `Setting`, in ascending order.

    Returns:
        A `Setting`, or `None` if a training failed at each of them.

    Example:

    >>> grid = [Setting(1e-3, 0.0, (0.5, 0.7)), Setting(1e-2, 0.0, (0.9, None))]
    >>> choose_setting(grid).learning_rate
    0.001
    """
    stable = [setting for setting in settings if not setting.num_failed]
    return max(stable, key=lambda setting: setting.median, default=None)


def find_edges(settings, best):
    """Reports where the best setting lies at the edge of the grid.

    Args:
        settings: List of `Setting`.
        best: The chosen one of them.

    Returns:
        List of sentences. The only value of a grid, and a weight decay of 0,
        do not lie at an edge.

    Example:

    >>> grid = [Setting(rate, 5e-4, (rate,)) for rate in (0.001, 0.01, 0.1)]
    >>> find_edges(grid, grid[-1])
    ['The best learning rate, 1e-1, is the highest of the grid: widen it.']
    >>> find_edges(grid, grid[1])
    []
    """
    found = []
    for name in ("learning_rate", "weight_decay"):
        values = {getattr(setting, name) for setting in settings}
        value = getattr(best, name)
        for end, extreme in (("lowest", min), ("highest", max)):
            if len(values) > 1 and value == extreme(values) and value > 0:
                found.append(
                    f"The best {name.replace('_', ' ')}, "
                    f"{short_number(value)}, is the {end} of the grid: "
                    "widen it."
                )
    return found


def standard_error(accuracy, num_images):
    """Returns the standard error of an accuracy, sqrt(p (1 - p) / n).

    Args:
        accuracy: Float p from 0 to 1.
        num_images: Integer n >= 1.
    """
    return math.sqrt(accuracy * (1 - accuracy) / num_images)


def short_number(value):
    """Formats a number in scientific notation.

    Example:

    >>> short_number(0.00001), short_number(0.016), short_number(0.0)
    ('1e-5', '1.6e-2', '0')
    """
    digits, exponent = f"{value:.9e}".split("e")
    digits, exponent = digits.rstrip("0").rstrip("."), int(exponent)
    return f"{digits}e{exponent}" if exponent else digits


def to_table(settings):
    """Returns the columns of `search.csv`, with a row for each setting."""
    return {
        "learning_rate": [setting.learning_rate for setting in settings],
        "weight_decay": [setting.weight_decay for setting in settings],
        "num_seeds": [len(setting.accuracies) for setting in settings],
        "num_failed": [setting.num_failed for setting in settings],
        "median": [setting.median for setting in settings],
        "lowest": [
            min(setting.measured, default=math.nan) for setting in settings
        ],
        "highest": [
            max(setting.measured, default=math.nan) for setting in settings
        ],
    }
