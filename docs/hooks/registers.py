"""Tables of figures, sweeps, data sets and transformations, from the code."""

import functools
import pathlib
import re

import values

from invariance_tf.drawing.style import LOOKS
from invariance_tf.paper.claims import CLAIMS
from invariance_tf.paper.figures.catalogue import FIGURES
from invariance_tf.paper.studies import SWEEPS
from invariance_tf.runs.sweep import plan
from invariance_tf.settings import defaults, families

SWEEP_FILES = sorted((values.ROOT / "configs" / "sweeps").glob("*.yaml"))


def figures_table(results):
    """Returns which sweep makes each figure, what to expect and what came out.

    Args:
        results: A `Results` of the studies at laptop scale.
    """
    rows = []
    for number, entry in FIGURES.items():
        claims = _claims_of(number)
        made = results.directory / "figures" / f"fig{number}.png"
        name = f"**{number}**"
        if made.exists():
            path = f"/results/{results.directory.name}/figures/{made.name}"
            name = f"[{name}]({path})"
        rows.append(
            (
                f"{name} {entry.title}",
                ", ".join(f"`{sweep}`" for sweep in _sweeps_of(entry))
                or "none",
                "<br>".join(f"{c} {CLAIMS[c].statement}" for c in claims),
                _obtained(results, claims, made.exists()),
            )
        )
    return values.make_table(("figure", "sweep", "expected", "obtained"), rows)


def verdicts_table(results):
    """Returns the verdicts of several studies on each claim.

    Args:
        results: List of `Results`; of one with two sets of criteria, both.
    """
    titles = ["claim", "the paper"]
    for one in results:
        name = one.directory.name
        titles += [f"{name}, first", name]
    rows = []
    for number, claim in CLAIMS.items():
        row = [number, f"{claim.place}: {claim.words}"]
        for one in results:
            for table in (one.first_claims, one.claims):
                found = table[table.claim == number].iloc[0]
                text = values.format_verdict(found.verdict)
                if table is one.claims:
                    more = values.format_exceptions(found)
                    text += f"<br>{values.format_effect(found)}<br>{more}"
                row.append(text.removesuffix("<br>"))
        rows.append(row)
    return values.make_table(titles, rows)


def _obtained(results, claims, is_made):
    """Returns the verdicts on the claims that a figure shows."""
    if not is_made:
        return "no runs yet"
    found = results.claims[results.claims.claim.isin(claims)]
    lines = []
    for row in found.itertuples():
        verdict = values.format_verdict(row.verdict)
        line = f"{row.claim} {verdict}: {values.format_effect(row)}"
        if row.num_claimed:
            line += f"; {values.format_exceptions(row)}"
        lines.append(line)
    return "<br>".join(lines) or "drawn"


def _claims_of(number):
    """Returns the claims that the paper makes with a figure."""
    return [name for name in CLAIMS if number in _figures_of(name)]


def _figures_of(claim):
    """Returns the figures that a claim names: "Figs. 2b and c, 4"."""
    _, _, text = CLAIMS[claim].place.partition("Fig")
    found, digits = set(), ""
    for token in re.findall(r"\b(?:\d+[a-c]?|[a-c])\b", text):
        digits = re.match(r"\d+", token)[0] if token[0].isdigit() else digits
        wanted = token if token[0].isdigit() else digits + token
        found |= {
            name for name in FIGURES if wanted in (name, name.rstrip("abc"))
        }
    return found


def _sweeps_of(entry):
    """Returns the names of the sweeps that make a figure's runs."""
    names = (name for role in entry.roles for name in SWEEPS[role].values())
    return [*dict.fromkeys(names)]


def sweeps_table(results=()):
    """Returns a table of the sweep files: runs, hardware and time.

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
                count_runs(path),
                said_of(path, "Hardware: "),
                said_of(path, "Expect "),
                obtained,
            )
        )
    titles = ("sweep", "runs", "hardware and time", "expect")
    return values.make_table((*titles, "computed here"), rows)


def _needs(path):
    """Orders sweep files: those for laptops first, then by their runs."""
    return "GPU" in said_of(path, "Hardware: "), count_runs(path)


@functools.cache
def count_runs(path):
    """Returns the number of runs of a sweep file."""
    return len(plan.read_sweep(path))


def said_of(path, start):
    """Returns the sentence of a file's opening comment that begins so."""
    lines = pathlib.Path(path).read_text(encoding="utf-8").split("\n")
    comment = " ".join(line[1:].strip() for line in lines if line[:1] == "#")
    sentence = re.search(rf"{start}(.*?)\.(?: |$)", comment)
    # Readers of the page have a link to this file.
    return re.sub(r" \(docs/[^)]*\)", "", sentence[1]) if sentence else ""


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
                *(
                    f"{row.accuracy:.3f} ({row.lower:.3f} to {row.upper:.3f})"
                    for row in curve.iloc[-2:].itertuples()
                ),
            )
        )
    return values.make_table(
        ("images", "transformation", "strength", "a step before", "accuracy"),
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
