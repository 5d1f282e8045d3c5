"""Six panels of the paper's main figures with Inception: Fig. 14."""

from invariance_tf.drawing import layout
from invariance_tf.paper.figures import neurons, relation
from invariance_tf.paper.figures.selection import gap_text

ROLE = "inception"
HEIGHTS = (3, 3.6, 5, 3.4, 4)


def fill_inception(figure, studies, transforms):
    """Draws Fig. 14: 3a, 3b, 4a, 5a, 5b and 5c with Inception as a to f.

    Args:
        figure: Matplotlib `Figure` to fill.
        studies: Dictionary of `studies.find_studies`.
        transforms: List of the transformations of panel c.
    """
    if ROLE not in studies:
        layout.draw_gap(figure.subplots(), gap_text(ROLE))
        return
    *bands, last = figure.subfigures(
        len(HEIGHTS), 1, height_ratios=HEIGHTS, hspace=0.02
    )
    panels = [*bands, *last.subfigures(1, 2)]
    neurons.fill_active(panels[0], studies, [ROLE])
    neurons.fill_with_and_without(panels[1], studies, ROLE)
    neurons.fill_by_n_seen(panels[2], studies, ROLE, transforms, 3)
    relation.fill_amounts(panels[3], studies, [ROLE])
    relation.fill_relation(panels[4], studies, "within_accuracy", ROLE)
    relation.fill_relation(panels[5], studies, "across_accuracy", ROLE)
    for letter, panel in zip("abcdef", panels, strict=True):
        panel.suptitle(letter, x=0.005, ha="left", fontweight="bold")
