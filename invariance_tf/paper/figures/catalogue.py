"""The catalogue of the paper's figures: what each shows and needs."""

import dataclasses
from collections.abc import Callable
from functools import partial

from invariance_tf.paper.figures.ablation import fill_ablation
from invariance_tf.paper.figures.accuracy import fill_curves, fill_matrices
from invariance_tf.paper.figures.families import fill_families
from invariance_tf.paper.figures.groups import fill_groups
from invariance_tf.paper.figures.inception import fill_inception
from invariance_tf.paper.figures.layers import fill_layers
from invariance_tf.paper.figures.missing import Need
from invariance_tf.paper.figures.neurons import (
    fill_active,
    fill_by_n_seen,
    fill_with_and_without,
)
from invariance_tf.paper.figures.parts import fill_parts
from invariance_tf.paper.figures.relation import fill_amounts, fill_relation
from invariance_tf.paper.studies import transforms_of
from invariance_tf.settings.families import FAMILIES, OF_IMAGENET


@dataclasses.dataclass(frozen=True)
class PaperFigure:
    """Describes a figure of the paper.

    Attributes:
        title: String.
        description: String, a sentence for those who do not see the figure.
        size: Width and height, in inches.
        fill: Function of an empty matplotlib `Figure` and of the studies.
        needs: Tuple of `missing.Need`: what it shows.
        is_stacked: Boolean, whether studies are below each other.
    """

    title: str
    description: str
    size: tuple
    fill: Callable
    needs: tuple = ()
    is_stacked: bool = False

    @property
    def roles(self):
        """Returns the studies that it shows, as a list of roles."""
        return list(dict.fromkeys(need.role for need in self.needs))


# The paper does not say which it shows in Fig. 4: one or two of each family.
_FEW = ("grayscale", "blur", "highpass", "white_noise", "rotate90", "thinning")
_TWO = ("blur", "white_noise")
_ALL = transforms_of("faces")
_TOGETHER = {"": OF_IMAGENET}
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
    "1b": PaperFigure(
        "The transformations",
        "A synthetic face as it is and under twelve transformations of four "
        "families: color, convolutional, noise and geometric.",
        (9, 3.4),
        fill_families,
    ),
    "2a": PaperFigure(
        "Accuracy in every test, all categories seen transformed",
        "Two tables of accuracies, for faces and for ImageNet, with a row for "
        "each transformation in training and a column for each in the test.",
        (11.5, 6.6),
        fill_matrices,
        _needs("accuracy tests", "faces", "imagenet", networks=_REFERENCES),
    ),
    "2b": PaperFigure(
        "Within- and across-category accuracy",
        "Curves of within- and across-category accuracy on ImageNet against "
        "the number of categories seen transformed, on a logarithmic axis.",
        (5.2, 6.4),
        _fill(fill_curves, "imagenet", columns=_TOGETHER, is_log=True),
        _needs("accuracy", "imagenet"),
    ),
    "2c": PaperFigure(
        "Within- and across-category accuracy",
        "Curves of within- and across-category accuracy on faces against the "
        "number of categories seen transformed, a column for each family.",
        (11, 6),
        _fill(fill_curves, "faces", columns=FAMILIES),
        _needs("accuracy", "faces"),
    ),
    "3a": PaperFigure(
        "Active neurons, all categories seen transformed",
        "Violins of the share of images that activate a neuron and of the "
        "share of neurons that an image activates, for each transformation.",
        (11, 6),
        _fill(fill_active, "faces", "imagenet"),
        _needs("neurons", "faces", "imagenet", networks=_ALL_SEEN),
        is_stacked=True,
    ),
    "3b": PaperFigure(
        "Invariance with and without the transformation in training",
        "Violins of the invariance coefficient of neurons for faces: for each "
        "transformation, networks trained with it beside networks without.",
        (11, 3.8),
        _fill(fill_with_and_without, "faces"),
        _with_and_without("faces"),
    ),
    "3c": PaperFigure(
        "Invariance with and without the transformation in training",
        "Violins of the invariance coefficient of neurons for ImageNet: for "
        "each transformation, networks trained with it beside those without.",
        (7.5, 3.8),
        _fill(fill_with_and_without, "imagenet"),
        _with_and_without("imagenet"),
    ),
    "4a": PaperFigure(
        "Invariance against the number of seen categories",
        "Violins of the invariance coefficient of neurons for six "
        "transformations of faces, seen beside unseen categories.",
        (11, 5.6),
        _fill(fill_by_n_seen, "faces", transforms=_FEW, num_columns=3),
        _needs("neurons", "faces", transforms=_FEW),
    ),
    "4b": PaperFigure(
        "Invariance against the number of seen categories",
        "Violins of the invariance coefficient of neurons for two "
        "transformations of ImageNet, seen beside unseen categories.",
        (8.5, 3.4),
        _fill(fill_by_n_seen, "imagenet", transforms=_TWO, num_columns=2),
        _needs("neurons", "imagenet", transforms=_TWO),
    ),
    "5a": PaperFigure(
        "Amount of invariance",
        "Curves of the mean invariance coefficient against the number of "
        "categories seen transformed, for faces and for ImageNet.",
        (11, 8),
        _fill(fill_amounts, "faces", "imagenet"),
        _needs("neurons", "faces", "imagenet"),
        is_stacked=True,
    ),
    "5b": PaperFigure(
        "Invariance and within-category accuracy",
        "Within-category accuracy against the mean invariance coefficient, a "
        "dot for each network, with their correlation.",
        (6.5, 4.4),
        _fill(fill_relation, "faces", measure=_WITHIN),
        _needs("neurons", "faces"),
    ),
    "5c": PaperFigure(
        "Invariance and across-category accuracy",
        "Across-category accuracy against the mean invariance coefficient, a "
        "dot for each network, with their correlation.",
        (6.5, 4.4),
        _fill(fill_relation, "faces", measure=_ACROSS),
        _needs("neurons", "faces"),
    ),
    "6": PaperFigure(
        "Confusion of seen and unseen categories",
        "Tables of how many transformed images of seen and of unseen "
        "categories are taken for seen and for unseen ones.",
        (11, 11),
        _fill(fill_groups, "faces"),
        _needs("confusion", "faces"),
    ),
    "7": PaperFigure(
        "Accuracy without inactive or without active neurons",
        "Curves of within-category accuracy against the threshold of "
        "activity, with inactive neurons (left) or active ones set to zero.",
        (9.5, 7.4),
        _fill(fill_ablation, "faces", "imagenet"),
        _needs("ablation", "faces", "imagenet", networks=_ALL_SEEN),
        is_stacked=True,
    ),
    "8": PaperFigure(
        "Accuracy without neurons outside or inside their top images",
        "Curves of within-category accuracy against the share of images for "
        "which a neuron counts as active, with inactive or active ones at 0.",
        (9.5, 4),
        _fill(fill_ablation, "faces", criterion="top_percent"),
        _needs("ablation", "faces", networks=_ALL_SEEN),
    ),
    "9": PaperFigure(
        "Invariance against the number of seen categories",
        "Violins of the invariance coefficient of neurons for twelve "
        "transformations of faces, seen beside unseen categories.",
        (13, 8),
        _fill(fill_by_n_seen, "faces", transforms=_ALL, num_columns=4),
        _needs("neurons", "faces"),
    ),
    "10": PaperFigure(
        "Invariance against the number of seen categories",
        "Violins of the invariance coefficient of neurons for four "
        "transformations of ImageNet, seen beside unseen categories.",
        (9.5, 5.6),
        _fill(
            fill_by_n_seen, "imagenet", transforms=OF_IMAGENET, num_columns=2
        ),
        _needs("neurons", "imagenet"),
    ),
    "11": PaperFigure(
        "Invariance of every layer",
        "Curves of the mean invariance coefficient over the layers, a line "
        "for each number of seen categories, for seen, unseen and both.",
        (11, 10.5),
        _fill(fill_layers, "faces"),
        _needs("layers", "faces"),
    ),
    "12": PaperFigure(
        "Specialisation with and without the transformation in training",
        "Violins of the specialisation of neurons for faces: for each "
        "transformation, networks trained with it beside networks without.",
        (11, 3.8),
        _fill(fill_with_and_without, "faces", measure="specialisation"),
        _with_and_without("faces"),
    ),
    "13": PaperFigure(
        "Within- and across-category accuracy",
        "Curves of within- and across-category accuracy of Inception against "
        "the number of categories seen transformed, a column for each family.",
        (11, 6),
        _fill(fill_curves, "inception", columns=FAMILIES),
        _needs("accuracy", "inception"),
    ),
    "14": PaperFigure(
        "Invariance of Inception",
        "Six panels a to f that show for Inception what Figs. 3a, 3b, 4a, 5a, "
        "5b and 5c show for AlexNet.",
        (12, 22),
        _fill(fill_inception, "inception", transforms=_FEW),
        (
            *_needs("neurons", "inception"),
            *_with_and_without("inception")[1:],
        ),
    ),
}
