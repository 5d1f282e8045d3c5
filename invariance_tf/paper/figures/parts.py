"""The parts of a figure, one for each study of the paper."""

import numpy as np

from invariance_tf.drawing import layout
from invariance_tf.paper.studies import STUDY_NAMES, SWEEPS, title_of

# Height of the gap for a study without runs, as a share of its panels'.
GAP_HEIGHT = 0.35


def relative_heights(studies, roles):
    """Returns the relative heights of the parts for studies."""
    return [1 if role in studies else GAP_HEIGHT for role in roles]


def fill_parts(figure, studies, fill, roles, **options):
    """Fills a part of a figure for each study, below each other.

    A study without runs leaves a gap that names the sweep to run.

    Args:
        figure: Matplotlib `Figure` or `SubFigure` to fill.
        studies: Dictionary of `studies.find_studies`.
        fill: Function of a part, which is a `Figure` or `SubFigure`, of the
            study's `tables.Runs` and of its role. It returns a note on what
            the marks mean, which is written below the figure.
        roles: Sequence of keys of `STUDY_NAMES`. Several of them are named.
        **options: Further arguments of `fill`.
    """
    parts, note = [figure], None
    if len(roles) > 1:
        heights = relative_heights(studies, roles)
        parts = figure.subfigures(len(roles), 1, height_ratios=heights)
    for role, part in zip(roles, parts, strict=True):
        if len(roles) > 1:
            title = title_of(studies, role)
            part.suptitle(
                title, x=0.01, ha="left", fontsize=9, fontweight="normal"
            )
        if role in studies:
            note = fill(part, studies[role], role, **options)
        else:
            draw_study_gap(part.subplots(), role)
    if note:
        layout.write_note(figure, note)


def draw_study_gap(axes, role):
    """Writes into a panel that a study has no runs, and how to make them."""
    files = " or ".join(f"{name}.yaml" for name in SWEEPS[role].values())
    layout.draw_gap(
        axes, f"no runs for {STUDY_NAMES[role]}\n(configs/sweeps/: {files})"
    )


def choose_evenly(values, count):
    """Chooses at most so many values, with the first and the last.

    Example:

    >>> choose_evenly([1, 2, 3, 4, 5, 6, 7], 3)
    [1, 4, 7]
    """
    if len(values) <= count:
        return list(values)
    positions = np.linspace(0, len(values) - 1, count).round().astype(int)
    return [values[position] for position in positions]
