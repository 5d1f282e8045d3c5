"""The paper's claims, in our own words, and how each is judged."""

from invariance_tf.paper.claims import accuracy, activity, neurons
from invariance_tf.paper.claims.claim import Claim
from invariance_tf.paper.claims.limits import (
    ACTIVE,
    CLOSE_TO_ONE,
    CORRELATED,
    FEW,
    HIGH,
    INACTIVE_COST,
    INVARIANT,
    MAINLY,
    ROBUST,
    SAME_INVARIANCE,
    SUBSTANTIAL_COST,
    TOP,
    WIDE_TOP,
)

_CURVE = "networks of every transformation, 2 seeds or more, "

CLAIMS = {
    "C1": Claim(
        statement="Across-category accuracy rises with the number of "
        "categories seen transformed.",
        place="section 3.1, Fig. 2b and c",
        words='"increase ... is common among transformations"; for rotations '
        '"only of a few percent"',
        criterion="The slope of across-category accuracy on the share of "
        "categories seen transformed is above 0: on the mean over "
        "transformations, and on the means of color, convolutional and noise "
        "transformations and for thinning. Exceptions: transformations that "
        "do not show it alone; none is asked of rotations.",
        needs=_CURVE + "at two n_seen or more below all categories",
        measure=accuracy.across_rises,
    ),
    "C2": Claim(
        statement="Within-category accuracy is close to 1 for few seen "
        "categories and falls to its value with all seen.",
        place="section 3.1, Fig. 2b and c",
        words='"decreases as more categories are seen"; "close to 100 %" for '
        "few",
        criterion="On the mean over transformations the within-category "
        f"accuracy at the fewest seen categories (at most {FEW:g} of them) "
        f"is above {CLOSE_TO_ONE:g}, and that minus its value at all is "
        "above 0. Exceptions: transformations that do not show the fall "
        "alone.",
        needs=_CURVE + f"at n_seen of at most {FEW:g} of the categories, and "
        "at all",
        measure=accuracy.within_falls,
    ),
    "C3": Claim(
        statement="Networks are robust to the transformation of their "
        "training and not to the others, color excepted.",
        place="section 3.1, Fig. 2a",
        words='"robust to the transformations included in the training but '
        'not robust to other transformations", color excepted',
        criterion="Of networks that saw all categories transformed: the "
        "accuracy under the transformation of training, minus the mean "
        "under it of the networks trained with other transformations or "
        "with none, is above 0 on the mean over transformations; and of the "
        "accuracy above chance on original images they keep, under the "
        "transformations of neither training nor the color and noise "
        f"families nor blur, a share below {ROBUST:g} on the mean. "
        "Exceptions: transformations that do not show the first alone.",
        needs=_CURVE + "with n_seen: all and evaluate_on: all",
        measure=accuracy.robust_to_the_trained,
    ),
    "C4": Claim(
        statement="Across-category accuracy is higher for color than for "
        "convolutional and higher for these than for geometric "
        "transformations; it is lowest for rotations, below thinning.",
        place="section 3.1, Fig. 2c",
        words='color "high" from few; for geometric "lower than the rest", '
        '"specially for rotations"',
        criterion="The across-category accuracy, mean over n_seen, of the "
        "color family minus that of the convolutional, of the convolutional "
        "minus the geometric, and of thinning minus the mean of both "
        "rotations is above 0. Single transformations are compared with the "
        "rotations for a look.",
        needs=_CURVE + "at the same n_seen below all categories",
        studies=("faces", "inception"),
        measure=accuracy.families_are_ordered,
    ),
    "C5": Claim(
        statement="Transformed images of unseen categories are mainly taken "
        "for seen ones when few are seen.",
        place="section 3.1, Appendix D, Fig. 6",
        words='"mainly confused with seen-transformed categories"',
        criterion="Of the misclassified transformed images of unseen "
        "categories, the share that is taken for a seen category is above "
        f"{MAINLY:g} on the mean over transformations, at each n_seen of at "
        f"most {FEW:g} of the categories. By chance it is n_seen / "
        "(categories - 1).",
        needs=_CURVE + f"at n_seen of at most {FEW:g} of the categories",
        measure=accuracy.unseen_are_taken_for_seen,
    ),
    "C6": Claim(
        statement="Training with a transformation gives the penultimate layer "
        "more invariance to it than training without.",
        place="section 3.2, Fig. 3b and c",
        words='"all transformations lead to more invariance than when the '
        'training is only with non-transformed images"',
        criterion="The mean invariance of networks that saw all categories "
        "transformed, minus that of networks trained with original images "
        "only, is above 0 on the mean over transformations. Exceptions: "
        "those that do not show it alone.",
        needs=_CURVE + "with n_seen: all, and networks "
        "with transform: identity, n_seen: 0 and evaluate_on: all, with "
        "their neurons measured",
        measure=neurons.training_gains_invariance,
    ),
    "C7": Claim(
        statement="Invariance rises with the number of categories seen "
        "transformed.",
        place="section 3.2, Figs. 4, 9 and 10",
        words='"remarkably increases when the number of seen-transformed '
        'categories is increased"',
        criterion="The slope of the mean invariance on the share of "
        "categories seen transformed is above 0 on the mean over "
        "transformations. Exceptions: those that do not show it alone.",
        needs=_CURVE + "at two n_seen or more, with their neurons measured",
        measure=neurons.invariance_rises,
    ),
    "C8": Claim(
        statement="Invariance is nearly the same for seen and unseen "
        "categories unless few are seen.",
        place="section 3.2, Figs. 4, 9 and 10",
        words='"nearly identical (except when the number ... is low ...)"',
        criterion="The mean invariance for seen minus that for unseen "
        f"categories, over networks that saw more than {FEW:g} of the "
        f"categories, is between -{SAME_INVARIANCE:g} and "
        f"{SAME_INVARIANCE:g} on the mean over transformations: equivalence "
        "by two one-sided tests. Beside it: the gain over untrained "
        "networks for unseen categories, divided by that for seen ones.",
        needs=_CURVE + f"at n_seen above {FEW:g} of the categories and below "
        "all, with their neurons measured",
        measure=neurons.seen_and_unseen_agree,
    ),
    "C9": Claim(
        statement="Invariance correlates with across-category accuracy; "
        "within-category accuracy does not need it.",
        place="section 3.2, Fig. 5b and c",
        words='"correlated ... for all transformations" (5c); "not needed" '
        "for within-category robustness (5b)",
        criterion="The correlation of mean invariance with across-category "
        f"accuracy is above {CORRELATED:g} over all networks, and above 0 "
        "within transformations (of the deviations from each "
        "transformation's means). At the fewest seen categories (at most "
        f"{FEW:g} of them), on the mean over transformations, "
        f"within-category accuracy is above {HIGH:g} while invariance is "
        f"less than {SAME_INVARIANCE:g} above that of untrained networks. "
        "Exceptions: transformations whose networks do not show the "
        "correlation alone.",
        needs="networks of every transformation at several n_seen, with "
        "their neurons measured",
        measure=neurons.invariance_goes_with_across,
    ),
    "C10": Claim(
        statement="Invariance builds up over the layers.",
        place="section 3.2, Appendix D, Fig. 11",
        words='"this invariance builds up across layers"',
        criterion="In the networks with the most seen categories, a line "
        "fitted to the layers' mean J (invariance above each layer's own "
        "floor) by their order rises by more than 0 on the mean over "
        "transformations. Exceptions: those that do not show it alone.",
        needs=_CURVE + "with analysis: layers",
        measure=neurons.invariance_builds_up,
    ),
    "C11": Claim(
        statement="On average, fewer than 20 % of the images activate a "
        "neuron.",
        place="section 3.2, Fig. 3a",
        words='"less than 20 % of the images activate a neuron"',
        criterion="In networks that saw all categories transformed, the "
        "mean share of the images that activate a neuron is below "
        f"{ACTIVE:g} on the mean over transformations. Beside it: the shares "
        "of neurons and of images within the paper's 1 to 20 % and 10 to 20 "
        "%.",
        needs=_CURVE + "with n_seen: all and their neurons measured at one tau",
        studies=("faces", "imagenet"),
        measure=activity.neurons_are_selective,
    ),
    "C12": Claim(
        statement="Neurons that an image leaves inactive carry less than 1 % "
        "of accuracy, and the active ones nearly all of it.",
        place="section 3.2, Appendix D, Fig. 7",
        words='"decreases less than 1 % overall" without the inactive; "very '
        'low" but "above chance" without the active',
        criterion="In the networks with the most seen categories and at the "
        "study's threshold, on the mean over transformations: ablating the "
        f"inactive neurons costs less than {INACTIVE_COST:g} of "
        "within-category accuracy; and ablating the active ones leaves less "
        "than ablating as many random ones.",
        needs=_CURVE + "with their neurons measured, tau being in steps of "
        "0.05",
        studies=("faces", "imagenet"),
        measure=activity.active_neurons_carry_accuracy,
    ),
    "C13": Claim(
        statement="Calling a neuron active for its top 1 % of images only "
        "leaves much accuracy with inactive neurons; so does the top 20 %.",
        place="section 3.2, Appendix D, Fig. 8",
        words='"a substantial proportion of accuracy ... is still attributed '
        'to neurons that were excluded"',
        criterion="By the measures of C12, on the mean over "
        f"transformations: ablating the neurons inactive by top {TOP} % "
        f"costs more than {SUBSTANTIAL_COST:g} of within-category accuracy; "
        f"ablating those inactive by top {WIDE_TOP} % costs more than "
        "ablating those inactive by tau.",
        needs=_CURVE + "with their neurons measured",
        studies=("faces",),
        measure=activity.top_images_miss_accuracy,
    ),
    "C14": Claim(
        statement="Where invariance does not emerge (rotations), some neurons "
        "specialise in original images, some in transformed ones, and others "
        "lie in between.",
        place="section 3.2, Appendix D, Fig. 12",
        words='"specially for the case of rotations, as the violin plot is '
        'spread out"',
        criterion="In networks that saw all categories transformed, the "
        "standard deviation of specialisation over neurons is larger for the "
        "rotations than on the mean of the color, the convolutional and the "
        "noise family, and than for thinning.",
        needs=_CURVE + "with n_seen: all and their neurons measured at one tau",
        studies=("faces",),
        measure=neurons.rotations_specialise,
    ),
    "C15": Claim(
        statement="Inception shows the same rise of invariance, with more "
        "invariant neurons than AlexNet.",
        place="section 3.2, Appendix D, Figs. 13 and 14",
        words='"consistent pattern"; "a higher number of '
        'transformation-invariant neurons than AlexNet"',
        criterion="C7 holds for Inception; where all categories are seen, "
        "its share of neurons with an invariance coefficient above "
        f"{INVARIANT:g}, minus that of AlexNet with the same seed, is above "
        "0 on the mean over transformations. Exceptions: as of C7.",
        needs=_CURVE + "at few n_seen and at all, of Inception and of AlexNet "
        "on the same images, with their neurons measured at one tau",
        studies=("inception",),
        beside=("faces",),
        measure=neurons.inception_agrees,
    ),
    "C16": Claim(
        statement="Local transformations gain more invariance than geometric "
        "ones.",
        place="section 1",
        words='local ("e.g. blurring and high-pass filtering") "roughly two '
        'times greater" than geometric ("e.g. rotations and thinning")',
        criterion="The binary logarithm of a ratio is above 0: that of the "
        "mean slopes of invariance, as in C7, of the convolutional and noise "
        "transformations to the geometric ones; and of blur and high-pass to "
        "the geometric ones. At 1 the ratio is two, which is reported and not "
        "judged.",
        needs=_CURVE + "at two n_seen or more, with their neurons measured",
        studies=("faces", "inception"),
        measure=neurons.local_gains_twice,
    ),
}
