"""The catalogue of the paper's figures: what each shows and needs."""

import dataclasses
from collections.abc import Callable
from functools import partial

from invariance_tf.drawing.style import COLUMN, PAGE
from invariance_tf.paper.figures.ablation import fill_ablation
from invariance_tf.paper.figures.accuracy import fill_curves, fill_matrices
from invariance_tf.paper.figures.families import fill_families
from invariance_tf.paper.figures.groups import fill_groups
from invariance_tf.paper.figures.inception import fill_inception
from invariance_tf.paper.figures.layers import fill_layers
from invariance_tf.paper.figures.missing import Need
from invariance_tf.paper.figures.neurons import (
    FEW,
    fill_active,
    fill_by_n_seen,
    fill_few,
    fill_with_and_without,
)
from invariance_tf.paper.figures.paradigm import fill_paradigm
from invariance_tf.paper.figures.parts import fill_parts
from invariance_tf.paper.figures.relation import fill_amounts, fill_relation


@dataclasses.dataclass(frozen=True)
class PaperFigure:
    """Describes a figure of the paper.

    Attributes:
        title: String.
        description: String, a sentence for those who do not see the figure.
        fill: Function of an empty matplotlib `Figure` as wide as it will be,
            of the studies (`studies.find_studies`) and of the frame
            (`parts.choose_frame`: the studies and transformations to show).
            It fills the figure and returns the height that it needs, in
            inches.
        needs: Tuple of `missing.Need`: what it shows.
        width: Float, in inches.
    """

    title: str
    description: str
    fill: Callable
    needs: tuple = ()
    width: float = PAGE

    @property
    def roles(self):
        """Returns the studies that it shows, as a list of roles."""
        return list(dict.fromkeys(need.role for need in self.needs))


# The paper does not say which it shows in Fig. 4b.
_TWO = ("blur", "white_noise")
_ALL_SEEN = ("all_seen",)
_REFERENCES = ("all_seen", "never_transformed")
_WITHIN, _ACROSS = "within_accuracy", "across_accuracy"


def _needs(measure, *roles, networks=("grid",), transforms=()):
    """Returns the same need for several studies."""
    return tuple(Need(role, networks, measure, transforms) for role in roles)


def _fill(fill, *roles, **options):
    """Returns a function that fills a figure with a part for each study."""
    return partial(fill_parts, fill=fill, roles=roles, **options)


def _with_and_without(role):
    """Returns what violins of x + T(x) beside x need."""
    return (
        *_needs("neurons", role, networks=("all_seen",)),
        *_needs("every test", role, networks=("never_transformed",)),
    )


FIGURES = {
    "1a": PaperFigure(
        "The paradigm",
        "Synthetic faces of seen categories, trained as they are and "
        "transformed, and of unseen ones, trained as they are only; both are "
        "tested transformed.",
        fill_paradigm,
    ),
    "1b": PaperFigure(
        "The transformations",
        "A synthetic face as it is and under twelve transformations of four "
        "families: color, convolutional, noise and geometric.",
        fill_families,
    ),
    "2a": PaperFigure(
        "Accuracy in every test, all categories seen transformed",
        "A table of accuracies for each study, with a row for each "
        "transformation in training and a column for each in the test.",
        fill_matrices,
        _needs("accuracy tests", "faces", "imagenet", networks=_REFERENCES),
    ),
    "2b": PaperFigure(
        "Within- and across-category accuracy",
        "Curves of within- and across-category accuracy on ImageNet against "
        "the number of categories seen transformed, on a logarithmic axis.",
        _fill(fill_curves, "imagenet", is_log=True),
        _needs("accuracy", "imagenet"),
        width=COLUMN,
    ),
    "2c": PaperFigure(
        "Within- and across-category accuracy",
        "Curves of within- and across-category accuracy on faces against the "
        "number of categories seen transformed, a column for each family.",
        _fill(fill_curves, "faces"),
        _needs("accuracy", "faces"),
    ),
    "3a": PaperFigure(
        "Active neurons, all categories seen transformed",
        "Violins of the share of images that activate a neuron and of the "
        "share of neurons that an image activates, for each transformation.",
        _fill(fill_active, "faces", "imagenet"),
        _needs("neurons", "faces", "imagenet", networks=_ALL_SEEN),
    ),
    "3b": PaperFigure(
        "Invariance with and without the transformation in training",
        "Violins of the invariance coefficient of neurons for faces: for each "
        "transformation, networks trained with it beside networks without.",
        _fill(fill_with_and_without, "faces"),
        _with_and_without("faces"),
    ),
    "3c": PaperFigure(
        "Invariance with and without the transformation in training",
        "Violins of the invariance coefficient of neurons for ImageNet: for "
        "each transformation, networks trained with it beside those without.",
        _fill(fill_with_and_without, "imagenet"),
        _with_and_without("imagenet"),
    ),
    "4a": PaperFigure(
        "Invariance against the number of seen categories",
        "Violins of the invariance coefficient of neurons for some "
        "transformations of faces, seen beside unseen categories.",
        _fill(fill_few, "faces"),
        _needs("neurons", "faces", transforms=FEW),
    ),
    "4b": PaperFigure(
        "Invariance against the number of seen categories",
        "Violins of the invariance coefficient of neurons for some "
        "transformations of ImageNet, seen beside unseen categories.",
        _fill(fill_few, "imagenet", few=_TWO),
        _needs("neurons", "imagenet", transforms=_TWO),
    ),
    "5a": PaperFigure(
        "Amount of invariance",
        "Curves of the mean invariance coefficient against the number of "
        "categories seen transformed, beside its two controls.",
        _fill(fill_amounts, "faces", "imagenet"),
        _needs("neurons", "faces", "imagenet"),
    ),
    "5b": PaperFigure(
        "Invariance and within-category accuracy",
        "Within-category accuracy against the mean invariance coefficient, a "
        "dot for each network, with their correlation.",
        _fill(fill_relation, "faces", measure=_WITHIN),
        _needs("neurons", "faces"),
        width=COLUMN,
    ),
    "5c": PaperFigure(
        "Invariance and across-category accuracy",
        "Across-category accuracy against the mean invariance coefficient, a "
        "dot for each network, with their correlation.",
        _fill(fill_relation, "faces", measure=_ACROSS),
        _needs("neurons", "faces"),
        width=COLUMN,
    ),
    "6": PaperFigure(
        "Confusion of seen and unseen categories",
        "Tables of how many transformed images of seen and of unseen "
        "categories are taken for seen and for unseen ones.",
        _fill(fill_groups, "faces"),
        _needs("confusion", "faces"),
    ),
    "7": PaperFigure(
        "Accuracy without inactive or without active neurons",
        "Curves of within-category accuracy against the threshold of "
        "activity, with inactive neurons (left) or active ones set to zero.",
        _fill(fill_ablation, "faces", "imagenet"),
        _needs("ablation", "faces", "imagenet", networks=_ALL_SEEN),
    ),
    "8": PaperFigure(
        "Accuracy without neurons outside or inside their top images",
        "Curves of within-category accuracy against the share of images for "
        "which a neuron counts as active, with inactive or active ones at 0.",
        _fill(fill_ablation, "faces", criterion="top_percent"),
        _needs("ablation", "faces", networks=_ALL_SEEN),
    ),
    "9": PaperFigure(
        "Invariance against the number of seen categories",
        "Violins of the invariance coefficient of neurons for all "
        "transformations of faces, seen beside unseen categories.",
        _fill(fill_by_n_seen, "faces"),
        _needs("neurons", "faces"),
    ),
    "10": PaperFigure(
        "Invariance against the number of seen categories",
        "Violins of the invariance coefficient of neurons for all "
        "transformations of ImageNet, seen beside unseen categories.",
        _fill(fill_by_n_seen, "imagenet"),
        _needs("neurons", "imagenet"),
    ),
    "11": PaperFigure(
        "Invariance of every layer",
        "Curves of the mean invariance coefficient over the layers, a line "
        "for each number of seen categories, for seen, unseen and both.",
        _fill(fill_layers, "faces"),
        _needs("layers", "faces"),
    ),
    "12": PaperFigure(
        "Specialisation with and without the transformation in training",
        "Violins of the specialisation of neurons for faces: for each "
        "transformation, networks trained with it beside networks without.",
        _fill(fill_with_and_without, "faces", measure="specialisation"),
        _with_and_without("faces"),
    ),
    "13": PaperFigure(
        "Within- and across-category accuracy",
        "Curves of within- and across-category accuracy of Inception against "
        "the number of categories seen transformed, a column for each family.",
        _fill(fill_curves, "inception"),
        _needs("accuracy", "inception"),
    ),
    "14": PaperFigure(
        "Invariance of Inception",
        "Six panels a to f that show for Inception what Figs. 3a, 3b, 4a, 5a, "
        "5b and 5c show for AlexNet.",
        _fill(fill_inception, "inception"),
        (
            *_needs("neurons", "inception"),
            *_with_and_without("inception")[1:],
        ),
    ),
}
