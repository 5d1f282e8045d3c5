"""What the paper studies, and which runs stand for it."""

from invariance_tf import foreign
from invariance_tf.paper.selection import rows
from invariance_tf.settings import names
from invariance_tf.settings.families import FAMILIES, OF_IMAGENET

# The paper's three studies, and the networks that stand for each. A network
# of the user's own stands for that of the first.
NETWORKS = {
    "faces": ("alexnet", "alexnet_small"),
    "imagenet": ("resnet18",),
    "inception": ("inception",),
}

STUDY_NAMES = {
    "faces": "FaceScrub with AlexNet",
    "imagenet": "ImageNet with ResNet-18",
    "inception": "FaceScrub with Inception",
}

# The sweep files in configs/sweeps that make their runs, by data set.
SWEEPS = {
    "faces": {"synthfaces": "synthfaces", "facescrub": "facescrub"},
    "imagenet": {"imagenet": "imagenet"},
    "inception": {
        "synthfaces": "synthfaces_inception",
        "facescrub": "facescrub_inception",
    },
}

# Of a title, in letters.
LONGEST_WORD = 60

# Data sets and networks as a title writes them.
_WORDS = {
    "synthfaces": "synthetic faces",
    "facescrub": "FaceScrub",
    "imagenet": "ImageNet",
    "digits": "digits",
    "folder": "a folder of images",
    "alexnet": "AlexNet",
    "alexnet_small": "small AlexNet",
    "resnet18": "ResNet-18",
    "inception": "Inception",
    "vit_small": "small ViT",
    "convnext_small": "small ConvNeXt",
    "bl_small": "BL",
    "cornet_small": "small CORnet-S",
}


def transforms_of(study):
    """Returns the names of the transformations that a study is about.

    Args:
        study: `"faces"`, `"imagenet"` or `"inception"`.
    """
    if study == "imagenet":
        return OF_IMAGENET
    return tuple(name for family in FAMILIES.values() for name in family)


def other_transforms(runs):
    """Returns the transformations of runs that are not among the paper's.

    Args:
        runs: DataFrame with a row for each run, `tables.Runs.runs`.
    """
    found = {*runs["transform"]} - {"identity", *transforms_of("faces")}
    return tuple(sorted(found))


def title_of(studies, role):
    """Names the data set and the network of a study, in words.

    Args:
        studies: Dictionary of `find_studies`.
        role: `"faces"`, `"imagenet"` or `"inception"`.

    Example:

    >>> title_of({}, "imagenet")
    'ImageNet with ResNet-18'
    """
    if role not in studies:
        return STUDY_NAMES[role]
    first = studies[role].runs.iloc[0]
    return f"{name_in_words(first.data_name)}, {name_in_words(first.network)}"


def name_in_words(name):
    """Returns a data set or a network as a title writes it.

    Example:

    >>> name_in_words("alexnet_small")
    'small AlexNet'
    """
    return foreign.shorten(_WORDS.get(name, name), LONGEST_WORD)


def find_studies(runs):
    """Finds the runs that stand for each of the paper's studies.

    Training is joint, as the paper's. Runs that differ in anything but the
    transformation, n_seen and the seeds must not be averaged. Where there are
    several such sets for one study of the paper, the largest is taken;
    likewise for the strengths of a transformation. A training that was run
    twice counts once.

    Args:
        runs: A `tables.Runs`.

    Returns:
        Dictionary from `"faces"`, `"imagenet"` and `"inception"` to a `Runs`,
        without those that have no runs; and a dictionary from the names of
        the runs that are left out to the reason.
    """
    # The paper's networks have one transformation, and are trained jointly.
    is_single = ~runs.runs["transform"].map(names.is_several).astype(bool)
    is_joint = runs.runs.index.isin(rows(runs.runs, paradigm="joint").index)
    studies = {}
    left_out = {
        row.run: f"the paradigm {row.paradigm}"
        for row in runs.runs[~is_joint].itertuples()
    }
    several = runs.runs.run[~is_single]
    left_out |= dict.fromkeys(several, "several transformations")
    of_paper = sum(NETWORKS.values(), ())
    for role, networks in NETWORKS.items():
        is_chosen = runs.runs.network.isin(networks)
        if role == "faces":
            is_chosen |= ~runs.runs.network.isin(of_paper)
        table = runs.runs[is_chosen & is_joint & is_single]
        if len(table):
            kept = _largest(table, "study", "another study", left_out)
            for _, of_transform in kept.groupby("transform"):
                _largest(
                    of_transform,
                    "transform_args",
                    "another strength of the transformation",
                    left_out,
                )
            kept = kept[~kept.run.isin(left_out)]
            # Of equal trainings the one whose neurons were measured stays,
            # then that tested by more: "all" comes before "trained".
            kept = kept.assign(is_unmeasured=kept.tau.isna()).sort_values(
                ["is_unmeasured", "evaluate_on"], kind="stable"
            )
            keys = ["transform", "n_seen", "seed"]
            again = kept.duplicated(keys)
            left_out |= dict.fromkeys(kept.run[again], "the same training")
            first = kept.groupby(keys).category_seed.transform("first")
            left_out |= dict.fromkeys(
                kept.run[kept.category_seed != first],
                "the same seed with other seen categories",
            )
            studies[role] = runs.select(runs.runs.run.isin(kept.run[~again]))
    return studies, left_out


def _largest(table, column, reason, left_out):
    """Keeps the rows with the commonest value; notes the others' runs."""
    counts = table[column].value_counts()
    # Of equally many the same one, in whatever order the runs are.
    commonest = min(counts.index[counts == counts.max()], key=str)
    is_kept = table[column] == commonest
    left_out |= dict.fromkeys(table.run[~is_kept], reason)
    return table[is_kept]
