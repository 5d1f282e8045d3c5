"""Which runs a figure of the paper lacks, in words."""

import dataclasses

from invariance_tf.drawing import style
from invariance_tf.paper.figures.selection import SWEEPS, grid, own, size_of
from invariance_tf.paper.studies import transforms_of


@dataclasses.dataclass(frozen=True)
class Need:
    """Says which networks a figure shows, and what must be measured of them.

    Attributes:
        role: String, the study: one of the keys of `selection.STUDY_NAMES`.
        networks: Tuple of `"grid"` (every transformation, n_seen and seed),
            `"all_seen"` (those of the grid that saw all categories) and
            `"never_transformed"`.
        measure: String, one of the keys of `MEASURES`.
        transforms: Tuple of names of transformations; empty means all that
            the paper has in the study.
    """

    role: str
    networks: tuple = ("grid",)
    measure: str = "accuracy"
    transforms: tuple = ()


def find_missing(needs, studies):
    """Finds what is missing for a figure, and what makes it.

    The networks expected of a study are all combinations of the
    transformations, of the numbers of seen categories and of the seeds that
    any of its networks has; all categories are one of the numbers.

    Args:
        needs: Sequence of `Need`.
        studies: Dictionary of `studies.find_studies`.

    Returns:
        List of strings, such as "faces: highpass at n_seen 12"; the last one
        of each study says which command makes the runs. Empty where nothing
        is missing.
    """
    found = []
    for role in dict.fromkeys(need.role for need in needs):
        study = studies.get(role)
        if study is None:
            texts = ["every run"]
        else:
            of_role = [need for need in needs if need.role == role]
            texts = [text for n in of_role for text in _describe(n, study)]
        found += [f"{role}: {text}" for text in dict.fromkeys(texts)]
        if texts:
            found.append(f"{role}: {_command(role, study)}")
    return found


def _describe(need, study):
    """Describes the runs that one need lacks."""
    expected = _expected(need, study)
    done = _networks(study.runs)
    source, option = MEASURES[need.measure]
    measured = _networks(source(study))
    texts = _write(expected - done, expected)
    unmeasured = _write((expected & done) - measured, expected)
    return texts + [f"{text}, to measure with {option}" for text in unmeasured]


def _expected(need, study):
    """Returns the networks that a need asks for."""
    seeds = set(study.runs.seed)
    n_seen = {
        "grid": set(grid(study)),
        "all_seen": {size_of(study)},
    }
    expected = set()
    for networks in need.networks:
        names = need.transforms or transforms_of(need.role)
        if networks == "never_transformed":
            names = ["identity"]
        expected |= {
            (name, count, seed)
            for name in names
            for count in n_seen.get(networks, {0})
            for seed in seeds
        }
    return expected


def _networks(table):
    """Returns the networks with rows in a table."""
    keys = table[["transform", "n_seen", "seed"]].drop_duplicates()
    return set(keys.itertuples(index=False, name=None))


def _write(missing, expected):
    """Writes networks in as few words as possible."""
    if not missing:
        return []
    by_text = {}
    for transform in style.LOOKS:
        pair = (
            {key[1:] for key in keys if key[0] == transform}
            for keys in (missing, expected)
        )
        by_text.setdefault(_write_counts(*pair), []).append(transform)
    by_text.pop("", None)
    trained_names = {key[0] for key in expected} - {"identity"}
    texts = []
    for text, names in by_text.items():
        who = ", ".join(names)
        if {*names} == trained_names:
            who = "every transformation"
        texts.append(f"{who} at {text}")
    return texts


def _write_counts(missing, expected):
    """Writes pairs of n_seen and seed, such as "n_seen 4, 12 (seed 1)"."""
    if not missing:
        return ""
    counts = sorted({count for count, _ in expected})
    if missing == expected and len(counts) > 1:
        return "every n_seen"
    texts = []
    for count in counts:
        seeds, all_seeds = (
            {seed for other, seed in keys if other == count}
            for keys in (missing, expected)
        )
        if seeds == all_seeds:
            texts.append(f"{count}")
        elif seeds:
            names = ", ".join(map(str, sorted(seeds)))
            texts.append(f"{count} (seed {names})")
    return f"n_seen {', '.join(texts)}"


def _command(role, study):
    """Says which command makes the runs of a study."""
    datasets = SWEEPS[role]
    if study is not None:
        dataset = study.runs.dataset.iloc[0]
        datasets = {name: datasets[name] for name in {dataset} & {*datasets}}
    if not datasets:
        return "made by a sweep file of your own, as those in configs/sweeps"
    commands = [
        f"python -m invariance_tf sweep configs/sweeps/{name}.yaml"
        for name in datasets.values()
    ]
    return f"made by {' or '.join(commands)}"


def _every_test(table):
    """Returns the rows of tests by other transformations than the trained."""
    if "test_transform" not in table:
        return table.iloc[:0]
    is_other = table.test_transform != table["transform"]
    return table[is_other & (table.test_transform != "identity")]


def _inner_layers(study):
    """Returns rows of runs of which several layers are measured."""
    table = own(study.layers)
    if not len(table):
        return table
    return table[table.groupby("run").layer.transform("nunique") > 1]


# Rows of the runs that have a measure, and the option that makes it.
MEASURES = {
    "accuracy": (lambda study: study.runs, ""),
    "accuracy tests": (
        lambda study: _every_test(study.accuracy),
        "--evaluate_on all",
    ),
    "confusion": (lambda study: study.confusion, ""),
    "neurons": (lambda study: own(study.neurons), "--analysis penultimate"),
    "every test": (
        lambda study: _every_test(study.neurons),
        "--evaluate_on all --analysis penultimate",
    ),
    "ablation": (lambda study: study.ablation, "--analysis penultimate"),
    "layers": (_inner_layers, "--analysis layers"),
}
