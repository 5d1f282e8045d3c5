"""Six panels of the paper's main figures with Inception: Fig. 14."""

from invariance_tf.drawing import layout
from invariance_tf.paper.figures import neurons, relation

HEIGHTS = (3, 3.6, 5, 3.4, 4)


def fill_inception(part, study, role, transforms):
    """Draws Fig. 14: 3a, 3b, 4a, 5a, 5b and 5c with Inception as a to f.

    Args:
        part: Matplotlib `Figure` to fill.
        study: A `tables.Runs`.
        role: String, the study.
        transforms: List of the transformations of panel c.
    """
    *bands, last = part.subfigures(
        len(HEIGHTS), 1, height_ratios=HEIGHTS, hspace=0.02
    )
    panels = [*bands, *last.subfigures(1, 2)]
    notes = [
        neurons.fill_active(panels[0], study, role),
        neurons.fill_with_and_without(panels[1], study, role),
        neurons.fill_by_n_seen(panels[2], study, role, transforms, 3),
        relation.fill_amounts(panels[3], study, role),
        relation.fill_relation(panels[4], study, role, "within_accuracy"),
        relation.fill_relation(panels[5], study, role, "across_accuracy"),
    ]
    for letter, panel, note in zip("abcdef", panels, notes, strict=True):
        panel.suptitle(letter, x=0.005, ha="left", fontweight="bold")
        layout.write_note(panel, note)
