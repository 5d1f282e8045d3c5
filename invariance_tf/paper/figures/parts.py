"""The parts of a figure, one for each study of the paper."""

from invariance_tf.paper.figures.selection import name_of

# Height of the gap for a study without runs, as a share of its panels'.
GAP = 0.35


def heights(studies, roles):
    """Returns the relative heights of the parts for studies."""
    return [1 if role in studies else GAP for role in roles]


def make_parts(figure, studies, roles):
    """Makes a part of a figure for each study, below each other.

    Args:
        figure: Matplotlib `Figure` or `SubFigure`.
        studies: Dictionary of `studies.find_studies`.
        roles: List of its keys. Several of them are named.

    Returns:
        Dictionary from roles to `SubFigure`.
    """
    parts = figure.subfigures(
        len(roles), 1, squeeze=False, height_ratios=heights(studies, roles)
    )[:, 0]
    for role, part in zip(roles, parts, strict=True):
        if len(roles) > 1:
            part.suptitle(
                name_of(studies.get(role), role),
                x=0.01,
                ha="left",
                fontsize=9,
                fontweight="normal",
            )
    return dict(zip(roles, parts, strict=True))
