"""What was measured: its tables, how it looks, and its files."""

import dataclasses
import html
import os

import pandas as pd

from invariance_tf import files
from invariance_tf.measures.population_measures import COLUMNS

# The columns of `Measurement.summary`, beside layer and category_group.
_SUMMARY = (
    "num_neurons",
    "num_never_active",
    "mean_specialisation",
    "mean_control_shuffled",
    "mean_corrected_invariance",
    "mean_invariance",
)
_TABLES = ("neurons", "layers", "active_counts", "population")
_SETTINGS = "measurement.json"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Measurement:
    """Holds the measures of neurons.

    It shows itself as `summary`, as text or, in a notebook, as a table.

    Attributes:
        neurons: DataFrame with a row for each layer, category group and
            neuron: layer, category_group, neuron, num_images,
            num_active_images, max_activity, specialisation,
            control_shuffled (its floor), control_same_category,
            corrected_invariance and invariance_coefficient, at `tau`; nan
            where a neuron is active for no image.
        layers: DataFrame with a row for each layer, category group and
            threshold: layer, category_group, tau, num_neurons,
            num_never_active, and over the other neurons mean_specialisation,
            median_invariance and mean_invariance; at `tau` also
            mean_control_shuffled and mean_corrected_invariance.
        active_counts: DataFrame with a row for each layer and image: layer,
            image (its position), num_active_neurons at `tau`, num_neurons.
        tau: Float, the threshold of `neurons` and `active_counts`.
        settings: Dictionary of strings and numbers: how it was measured.
        population: DataFrame with a row for each layer, category group and
            measure of whole layers that was asked for: layer, category_group,
            measure, value, low and high (the 95 % interval over images) and
            control, see `population_measures`.

    Example:

    >>> import keras, numpy as np
    >>> from invariance_tf import measure_invariance, transforms
    >>> image = keras.Input((8, 8, 3))
    >>> hidden = keras.layers.Conv2D(2, 3, activation="relu", name="conv")
    >>> model = keras.Model(image, hidden(image))
    >>> images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3))
    >>> measure_invariance(
    ...     model, images, transforms.get("identity"), "conv"
    ... )
    Invariance to Identity: 72 neurons in 1 layer, 20 images, tau = 0.1
    layer category_group  num_neurons ... mean_invariance
     conv            all           72 ...           1.000
    """

    neurons: pd.DataFrame
    layers: pd.DataFrame
    active_counts: pd.DataFrame
    tau: float
    settings: dict = dataclasses.field(default_factory=dict)
    population: pd.DataFrame = dataclasses.field(
        default_factory=lambda: pd.DataFrame(columns=[*COLUMNS])
    )

    @property
    def summary(self):
        """DataFrame with a row for each layer and category group, at `tau`.

        The columns of `layers`, the most important one last.
        """
        at_tau = self.layers[(self.layers.tau - self.tau).abs() < 1e-9]
        return at_tau[["layer", "category_group", *_SUMMARY]].reset_index(
            drop=True
        )

    def __repr__(self):
        table = self.summary.to_string(
            index=False, float_format="{:.3f}".format, max_rows=20
        )
        if len(self.population):
            of_layers = self.population.to_string(
                index=False, float_format="{:.3f}".format, max_rows=20
            )
            table += f"\n\nWhole layers:\n{of_layers}"
        return f"{self._title()}\n{table}"

    def _repr_html_(self):
        table = self.summary.to_html(
            index=False, float_format="{:.3f}".format, max_rows=60
        )
        if len(self.population):
            of_layers = self.population.to_html(
                index=False, float_format="{:.3f}".format, max_rows=60
            )
            table += f"\n<p>Whole layers:</p>\n{of_layers}"
        return f"<p>{html.escape(self._title())}</p>\n{table}"

    def _title(self):
        sizes = self.summary.drop_duplicates("layer").num_neurons
        layers = "1 layer" if len(sizes) == 1 else f"{len(sizes)} layers"
        num_images = len(self.active_counts) // max(1, len(sizes))
        transform = self.settings.get("transform", "a transformation")
        return (
            f"Invariance to {transform}: {sizes.sum():,} neurons in {layers}, "
            f"{num_images:,} images, tau = {self.tau:g}"
        )

    def plot(self, measure="invariance_coefficient", axes=None):
        """Draws the distribution of a measure in each layer, with controls.

        Args:
            measure: String, a column of `neurons` with a number for each, or
                a measure of `population`.
            axes: Matplotlib `Axes`, or `None` for those of a new figure.

        Returns:
            The `Axes`.
        """
        # Not at the top: whoever only measures needs no matplotlib.
        from invariance_tf.drawing import draw_measurement

        return draw_measurement(self, measure, axes)

    def save(self, directory):
        """Writes the tables as Parquet files, and how they were measured.

        Args:
            directory: Path; made unless it exists. A measurement that it
                holds is replaced.
        """
        os.makedirs(directory, exist_ok=True)
        for name in _TABLES:
            path = os.path.join(directory, f"{name}.parquet")
            files.write_parquet(path, getattr(self, name))
        content = {"tau": self.tau, "settings": self.settings}
        files.write_json(os.path.join(directory, _SETTINGS), content)

    @classmethod
    def load(cls, directory):
        """Reads what `save` wrote.

        Args:
            directory: Path.

        Returns:
            A `Measurement`.

        Raises:
            FileNotFoundError: If the directory has no measurement.
        """
        content = files.read_json(os.path.join(directory, _SETTINGS))
        if content is None:
            raise FileNotFoundError(
                f"{os.fspath(directory)} has no measurement: "
                f"`Measurement.save` writes one. Missing: {_SETTINGS}"
            )
        tables = {
            name: pd.read_parquet(os.path.join(directory, f"{name}.parquet"))
            for name in _TABLES
        }
        return cls(**tables, **content)
