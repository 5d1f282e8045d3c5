"""What a page may name between `{{` and `}}`, for mkdocs-macros-plugin.

A name that is not here, and a value that no table has, stops the build.
"""

import functools
import pathlib
import sys

# The plugin loads this file by its path; the other hooks lie next to it.
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import answers  # noqa: E402
import learning  # noqa: E402
import measured  # noqa: E402
import noise  # noqa: E402
import registers  # noqa: E402
import screens  # noqa: E402
import studied  # noqa: E402
import values  # noqa: E402
import verdicts  # noqa: E402

from invariance_tf.settings import defaults  # noqa: E402


def define_env(env):
    """Gives the pages values, tables and drawings."""
    env.variables["defaults"] = {
        name: entry.options for name, entry in defaults.DATASETS.items()
    }
    for name in values.REPLICATIONS:
        env.variables[name] = values.Results(values.RESULTS / name)
    # Of every study whose tables are there, a sweep's.
    env.variables["studies"] = [
        values.Results(path.parent)
        for path in sorted(values.RESULTS.glob("*/runs.parquet"))
    ]

    # Of a study that does not replicate the paper.
    @env.macro
    @functools.cache
    def study(name):
        return values.Results(values.RESULTS / name)

    for function in (
        learning.precision_table,
        learning.recipes_table,
        learning.starts_table,
        learning.training_seconds,
        learning.whole_runs_table,
        noise.noise_mean,
        noise.noise_table,
        registers.calibrations_table,
        registers.datasets_table,
        registers.settings_table,
        registers.sweeps_table,
        registers.transforms_table,
        studied.across_table,
        studied.floors_table,
        studied.layers_table,
        studied.networks_table,
        studied.sources_table,
        studied.unseen_table,
        verdicts.figures_table,
        verdicts.verdicts_table,
    ):
        env.macro(function)
    env.macro(measured.Measurement, "measured")

    # A search for a learning rate, by the start of its name in docs/results.
    @env.macro
    def searched(name):
        (path,) = values.RESULTS.glob(f"search/{name}-*/search.csv")
        return measured.Measurement("search", path.parent)

    # Pages name one answer many times.
    env.macro(functools.cache(answers.Answer), "answer")
    env.macro(values.draw_link, "drawing")

    @env.macro
    def calibration(dataset, transform):
        return values.read_calibration(dataset, transform)[0]

    # Accuracy of a network trained with original images only.
    @env.macro
    def untrained_at(transform, strength, dataset="synthfaces"):
        _, curve = values.read_calibration(dataset, transform)
        (row,) = curve[curve.strength == strength].itertuples()
        return f"{row.accuracy:.2f}"

    @env.macro
    def screen(name, text):
        if name not in screens.take_all(env.conf["site_dir"]):
            return ""
        return f"![{text}](/screens/{name}){{ .screen }}"
