"""Which runs a figure of the paper lacks, in words."""

import dataclasses

from invariance_tf.drawing import style
from invariance_tf.paper.selection import (
    n_seen_values,
    never_transformed,
    num_categories,
    own_tests,
    seeds_of,
    trained,
)
from invariance_tf.paper.studies import SWEEPS


@dataclasses.dataclass(frozen=True)
class Need:
    """Names the networks that a figure shows, and what is measured of them.

    Attributes:
        role: String, the study: one of the keys of `studies.STUDY_NAMES`.
        networks: Tuple of `"grid"` (every transformation, n_seen and seed),
            `"all_seen"` (those of the grid that saw all categories) and
            `"never_transformed"`.
        measure: String, one of the keys of `MEASURES`.
        transforms: Tuple of names of transformations, of which it shows
            those that there are; empty, or none there, means all.
    """

    role: str
    networks: tuple = ("grid",)
    measure: str = "accuracy"
    transforms: tuple = ()


def find_missing(needs, studies, frame):
    """Finds what is missing for a figure, and what makes it.

    The networks expected of a study are all combinations of the
    transformations that are shown, of the numbers of seen categories that any
    of its networks has, and of the seeds of `selection.seeds_of`.

    Args:
        needs: Sequence of `Need`.
        studies: Dictionary of `studies.find_studies`.
        frame: Dictionary of `parts.choose_frame`. Studies that are not in it
            are missing only if none of the figure's is.

    Returns:
        List of strings, such as "faces: highpass at n_seen 12"; the last one
        of each study is the command that makes the runs. Empty if nothing is
        missing.
    """
    found = []
    roles = dict.fromkeys(need.role for need in needs)
    for role in [role for role in roles if role in frame] or roles:
        texts = ["every run"]
        if role in studies and role in frame:
            of_role = [need for need in needs if need.role == role]
            texts = [
                text
                for need in of_role
                for text in _list_missing(need, studies[role], frame[role])
            ]
        found += [f"{role}: {text}" for text in dict.fromkeys(texts)]
        if texts:
            found.append(f"{role}: {_find_command(role, studies.get(role))}")
    return found


def has_data(needs, studies, frame):
    """Says whether there is anything to draw, for a figure's needs."""
    return not needs or any(
        _expect_networks(need, studies[need.role], frame[need.role])
        & _find_networks(MEASURES[need.measure][0](studies[need.role]))
        for need in needs
        if need.role in studies and need.role in frame
    )


def _list_missing(need, study, transforms):
    """Lists the runs that one need lacks, and those to be measured."""
    expected = _expect_networks(need, study, transforms)
    done = _find_networks(study.runs)
    source, option = MEASURES[need.measure]
    measured = _find_networks(source(study))
    texts = _list_networks(expected - done, expected)
    unmeasured = _list_networks((expected & done) - measured, expected)
    return texts + [f"{text}, to measure with {option}" for text in unmeasured]


def _expect_networks(need, study, transforms):
    """Returns the networks that a need asks for, of the transformations."""
    names = [name for name in transforms if name in need.transforms]
    names = names or transforms
    wanted = {
        "grid": (names, n_seen_values(study)),
        "all_seen": (names, [num_categories(study)]),
        "never_transformed": (["identity"], [0]),
    }
    return {
        (name, n_seen, seed)
        for networks in need.networks
        for name in wanted[networks][0]
        for n_seen in wanted[networks][1]
        for seed in seeds_of(study, name)
    }


def _find_networks(table):
    """Returns the networks with rows in a table."""
    keys = trained(table)[["transform", "n_seen", "seed"]].drop_duplicates()
    without = {
        ("identity", 0, seed) for seed in never_transformed(table).seed.unique()
    }
    return without.union(keys.itertuples(index=False, name=None))


def _list_networks(missing, expected):
    """Lists networks in few words; transformations that lack the same, once."""
    by_text = {}
    others = sorted({name for name, *_ in expected} - {*style.LOOKS})
    for name in (*style.LOOKS, *others):
        lacking, wanted = (
            {key[1:] for key in keys if key[0] == name}
            for keys in (missing, expected)
        )
        if lacking:
            text = _list_counts(lacking, wanted)
            by_text.setdefault(text, []).append(name)
    every = {name for name, *_ in expected} - {"identity"}
    return [
        f"{'every transformation' if {*names} == every else ', '.join(names)} "
        f"at {text}"
        for text, names in by_text.items()
    ]


def _list_counts(missing, expected):
    """Lists pairs of n_seen and seed, such as "n_seen 4, 12 (seed 1)"."""
    counts = sorted({n_seen for n_seen, _ in expected})
    if missing == expected and len(counts) > 1:
        return "every n_seen"
    texts = []
    for n_seen in counts:
        seeds = sorted(seed for other, seed in missing if other == n_seen)
        if seeds:
            is_every = len(seeds) == sum(n == n_seen for n, _ in expected)
            names = f" (seed {', '.join(map(str, seeds))})"
            texts.append(f"{n_seen}{'' if is_every else names}")
    return f"n_seen {', '.join(texts)}"


def _find_command(role, study):
    """Returns the command that makes the runs of a study, in words."""
    sweeps = SWEEPS[role]
    if study is not None:
        dataset = study.runs.dataset.iloc[0]
        sweeps = {dataset: sweeps[dataset]} if dataset in sweeps else {}
    if not sweeps:
        return "write a sweep file like those in configs/sweeps"
    return f"made by {' or '.join(map(sweep_command, sweeps.values()))}"


def sweep_command(name):
    """Returns the command that makes the runs of a sweep."""
    return f"invariance-tf sweep configs/sweeps/{name}.yaml"


def _other_tests(table):
    """Returns the rows of tests by other transformations than the trained."""
    if "test_transform" not in table:
        return table.iloc[:0]
    is_other = table.test_transform != table["transform"]
    return table[is_other & (table.test_transform != "identity")]


def _inner_layers(study):
    """Returns rows of runs of which several layers are measured."""
    table = own_tests(study.layers)
    if not len(table):
        return table
    return table[table.groupby("run").layer.transform("nunique") > 1]


# Rows of the runs that have a measure, and the option that makes it.
MEASURES = {
    "accuracy": (lambda study: study.runs, ""),
    "accuracy tests": (
        lambda study: _other_tests(study.accuracy),
        "--evaluate_on all",
    ),
    "confusion": (lambda study: study.confusion, ""),
    "neurons": (
        lambda study: own_tests(study.neurons),
        "--analysis penultimate",
    ),
    "every test": (
        lambda study: _other_tests(study.neurons),
        "--evaluate_on all --analysis penultimate",
    ),
    "ablation": (lambda study: study.ablation, "--analysis penultimate"),
    "layers": (_inner_layers, "--analysis layers"),
}
