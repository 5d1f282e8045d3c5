"""The parts of a figure, one for each study of the paper."""

import functools

from invariance_tf.drawing import layout, style
from invariance_tf.paper.selection import seeds_of, tau_of, trained
from invariance_tf.paper.studies import (
    STUDY_NAMES,
    SWEEPS,
    other_transforms,
    title_of,
    transforms_of,
)

# Inches of the gap for a study without runs.
GAP_HEIGHT = 0.8

# Thresholds are saved as float32.
_ROUNDING = 1e-6


def choose_frame(studies, *, is_complete=False):
    """Chooses the studies and the transformations that figures show.

    Args:
        studies: Dictionary of `studies.find_studies`.
        is_complete: Boolean, whether to show all that the paper has, with
            gaps, instead of what there are runs for.

    Returns:
        Dictionary from roles to tuples of names of transformations.
    """
    frame = {}
    if is_complete:
        frame = {role: transforms_of(role) for role in STUDY_NAMES}
    for role, study in studies.items():
        found = {*trained(study.runs)["transform"]}
        names = frame.get(role) or [
            name for name in transforms_of("faces") if name in found
        ]
        frame[role] = (*names, *other_transforms(study.runs))
    return {role: names for role, names in frame.items() if names}


def columns_of(role, transforms):
    """Returns the transformations of panels by their titles.

    Families have panels of their own; the paper's four of ImageNet share one.
    """
    if role == "imagenet" and len(transforms) <= 4:
        return {"": [*transforms]}
    return style.by_family(transforms)


def num_seeds(study):
    """Returns how many seeds a study has of its transformations, at most."""
    names = study.runs["transform"].unique()
    return max(len(seeds_of(study, name)) for name in names)


def describe_tau(study):
    """Says for a note that networks have thresholds of their own, if so.

    Figures show neurons as each run measured them; claims compare networks at
    one threshold.
    """
    low, high = study.runs.tau.min(), study.runs.tau.max()
    if not high - low > _ROUNDING:
        return ""
    return (
        f" Each network at a tau of its own, {low:.2g} to {high:.2g}; claims "
        f"compare networks at {tau_of(study):.2g}."
    )


def fill_parts(figure, studies, frame, fill, roles, **options):
    """Fills a part of a figure for each study, below each other.

    A study without runs leaves a gap that names the sweep to run.

    Args:
        figure: Matplotlib `Figure` or `SubFigure` to fill.
        studies: Dictionary of `studies.find_studies`.
        frame: Dictionary of `choose_frame`.
        fill: Function of a part, which is a `Figure` or `SubFigure`, of the
            study's `tables.Runs`, of its role and of its transformations. It
            returns the height of the part, in inches, and a note on what the
            marks mean, which is written below the figure.
        roles: Sequence of keys of `STUDY_NAMES`. Several of them are named.
        **options: Further arguments of `fill`.

    Returns:
        The height of the figure, in inches.
    """
    roles = [role for role in roles if role in frame] or roles
    notes = {}

    def fill_part(part, role):
        title_height = 0
        if len(roles) > 1:
            title = title_of(studies, role)
            part.suptitle(
                title, x=0.01, ha="left", fontsize=7.5, fontweight="normal"
            )
            title_height = 0.16
        if role not in studies or role not in frame:
            draw_study_gap(part.subplots(), role)
            return title_height + GAP_HEIGHT
        height, note = fill(part, studies[role], role, frame[role], **options)
        notes[title_of(studies, role)] = note
        return title_height + height

    height = layout.stack(
        figure, [functools.partial(fill_part, role=role) for role in roles]
    )
    texts = {*notes.values()}
    if len(texts) > 1:
        # Such as where studies have different numbers of seeds.
        texts = [f"{title}: {note}" for title, note in notes.items() if note]
    text = " ".join(filter(None, texts))
    return height + (layout.write_note(figure, text) if text else 0)


def draw_study_gap(axes, role):
    """Writes into a panel that a study has no runs, and how to make them."""
    files = " or ".join(f"{name}.yaml" for name in SWEEPS[role].values())
    layout.draw_gap(
        axes, f"no runs for {STUDY_NAMES[role]}\n(configs/sweeps/: {files})"
    )
