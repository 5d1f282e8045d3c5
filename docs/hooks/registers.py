"""Tables of sweeps, calibrations, data sets, transformations and settings."""

import collections
import dataclasses
import functools
import pathlib
import re

import docstring_parser
import values

from invariance_tf.commands.parsing import GROUPS
from invariance_tf.drawing.style import LOOKS
from invariance_tf.runs.sweep import plan
from invariance_tf.settings import defaults, families
from invariance_tf.settings.config import Experiment

SWEEP_FILES = sorted((values.ROOT / "configs" / "sweeps").glob("*.yaml"))


def sweeps_table(results=()):
    """Returns a table of the sweep files: for what, runs, hardware and time.

    Args:
        results: Sequence of `Results` with the names of sweeps.
    """
    measured = {result.directory.name: result for result in results}
    rows = []
    for path in sorted(SWEEP_FILES, key=_needs):
        obtained = "not run here"
        if path.stem in measured:
            result = measured[path.stem]
            hours = result.tables.runs.seconds.sum() / 3600
            obtained = f"{result.count()} runs, {hours:.1f} hours"
        rows.append(
            (
                f"`{path.stem}`",
                purpose_of(path),
                count_runs(path),
                said_of(path, "Hardware: "),
                said_of(path, "Expect "),
                obtained,
            )
        )
    titles = ("sweep", "for", "runs", "hardware and time", "expect")
    return values.make_table((*titles, "computed here"), rows)


def _needs(path):
    """Orders sweep files: those for laptops first, then by their runs."""
    return "GPU" in said_of(path, "Hardware: "), count_runs(path)


@functools.cache
def count_runs(path):
    """Returns the number of runs of a sweep file."""
    return len(plan.read_sweep(path))


def purpose_of(path):
    """Returns the first sentence of a file's opening comment."""
    about, *_ = _comment_of(path).split("  ")
    return _without_pages(re.match(r".+?[.?](?= [A-Z]|$)", about)[0])


def said_of(path, start):
    """Returns the sentence of a file's opening comment that begins so."""
    sentence = re.search(rf"{start}(.*?)\.(?: |$)", _comment_of(path))
    return _without_pages(sentence[1]) if sentence else ""


def _comment_of(path):
    """Returns a file's opening comment; commands stay indented."""
    lines = pathlib.Path(path).read_text(encoding="utf-8").split("\n")
    return "".join(line[1:] for line in lines if line[:1] == "#").strip()


def _without_pages(text):
    """Leaves out pages; readers of the site have links to them."""
    return re.sub(r"(?: \(docs/[^)]*\)|: docs/[^ ]*(?=\.))", "", text)


def calibrations_table(directory=values.RESULTS / "calibration"):
    """Returns a table of the strengths that the paper's rule gives.

    Args:
        directory: Path of the records that `calibrate` wrote.
    """
    rows = []
    for path in sorted(pathlib.Path(directory).glob("*/calibration.csv")):
        dataset, *_, transform = path.parent.name.split("-")
        record, curve = values.read_calibration(dataset, transform, directory)
        strength = record["strength"]
        rows.append(
            (
                f"{dataset}, {record['image_size']} pixels",
                LOOKS[transform].label,
                f"`{record['parameter']}` {strength:g}" if strength else "none",
                f"{record['below']:g}",
                *(
                    f"{row.accuracy:.3f} ({row.lower:.3f} to {row.upper:.3f})"
                    for row in curve.iloc[-2:].itertuples()
                ),
            )
        )
    return values.make_table(
        (
            *("images", "transformation", "strength", "threshold"),
            *("a step before", "accuracy"),
        ),
        rows,
    )


def datasets_table(pages):
    """Returns a table of the data sets with their options and defaults.

    Args:
        pages: Dictionary from names of data sets to their pages.
    """
    rows = []
    for name, entry in defaults.DATASETS.items():
        label = f"[`{name}`]({pages[name]})" if name in pages else f"`{name}`"
        texts = (
            f"`{option}`" + ("" if value is None else f" {value}")
            for option, value in entry.options.items()
        )
        rows.append((label, ", ".join(texts)))
    return values.make_table(("data set", "options with defaults"), rows)


def transforms_table():
    """Returns a table of the transformations with arguments and defaults."""
    rows = []
    for family, names in families.FAMILIES.items():
        for name in names:
            arguments = ", ".join(
                f"`{key}` {value}"
                for key, value in defaults.TRANSFORMS[name].options.items()
            )
            rows.append((family, f"`{name}`", LOOKS[name].label, arguments))
    return values.make_table(
        ("family", "name", "in figures", "arguments"), rows
    )


def settings_table(group):
    """Returns a table of settings with their defaults.

    Args:
        group: String, a key of `parsing.GROUPS`.
    """
    said = docstring_parser.parse(Experiment.__doc__).params
    texts = {param.arg_name: param.description for param in said}
    rows = [
        (f"`{name}`", _say_default(name), " ".join(texts[name].split()))
        for name in GROUPS[group].split()
    ]
    return values.make_table(("setting", "default", "what it is"), rows)


def _say_default(setting):
    """Says the default of a setting: the most common one, and the others."""
    names = collections.defaultdict(list)
    for name, default in _list_defaults(setting).items():
        names[default].append(f"`{name}`")
    common, *others = sorted(names, key=lambda value: -len(names[value]))
    exceptions = [
        f"{_format_default(value)} ({', '.join(names[value])})"
        for value in others
    ]
    return "; ".join([_format_default(common), *exceptions])


def _list_defaults(setting):
    """Lists the defaults of a setting by data set or network."""
    (default,) = (
        field.default
        for field in dataclasses.fields(Experiment)
        if field.name == setting
    )
    for entries in (defaults.DATASETS, defaults.NETWORKS):
        given = {
            name: entry.options | entry.experiment
            for name, entry in entries.items()
        }
        # Not every data set has every option.
        is_option = any(setting in each.options for each in entries.values())
        if any(setting in each for each in given.values()):
            return {
                name: each.get(setting, default)
                for name, each in given.items()
                if setting in each or not is_option
            }
    return {"all": default}


def _format_default(value):
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    return "[]" if value == () else f"{value}"
