"""Six panels of the paper's main figures with Inception: Fig. 14."""

from invariance_tf.drawing import layout
from invariance_tf.paper.figures import neurons, relation


def fill_inception(part, study, role, transforms):
    """Draws Fig. 14: 3a, 3b, 4a, 5a, 5b and 5c with Inception as a to f."""
    arguments = study, role, transforms

    def draw(letter, fill, *more):
        def fill_panel(panel):
            panel.suptitle(letter, x=0.005, ha="left", fontweight="bold")
            height, note = fill(panel, *arguments, *more)
            return height + layout.write_note(panel, note) + 0.16

        return fill_panel

    relations = [
        draw("e", relation.fill_relation, "within_accuracy"),
        draw("f", relation.fill_relation, "across_accuracy"),
    ]
    height = layout.stack(
        part,
        [
            draw("a", neurons.fill_active),
            draw("b", neurons.fill_with_and_without),
            draw("c", neurons.fill_few),
            draw("d", relation.fill_amounts),
            lambda band: layout.beside(band, relations, smallest=3.3),
        ],
    )
    return height, None
