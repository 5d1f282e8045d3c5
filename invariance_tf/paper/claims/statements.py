"""The paper's claims, in our own words, and how each is judged."""

from invariance_tf.paper.claims import accuracy, activity, neurons
from invariance_tf.paper.claims.claim import Claim
from invariance_tf.paper.claims.limits import (
    ACTIVE_IMAGES,
    ACTIVE_NEURONS,
    CLOSE_TO_ONE,
    CORRELATED,
    FEW,
    INACTIVE_COST,
    INVARIANT,
    LARGEST_RATIO,
    LITTLE,
    MAINLY,
    PRESENT,
    ROBUST,
    SAME_INVARIANCE,
    TOP,
    TWICE,
    WIDE_TOP,
)

_CURVE = "networks of every transformation, 2 seeds or more, "

CLAIMS = {
    "C1": Claim(
        statement="Across-category accuracy rises with the number of "
        "categories seen transformed.",
        place="section 3.1, Fig. 2b and c",
        criterion="For every transformation the across-category accuracy at "
        "the most seen categories (but not all) minus that at the fewest is "
        "above 0.",
        needs=_CURVE + "at two n_seen or more below all categories",
        measure=accuracy.across_rises,
    ),
    "C2": Claim(
        statement="Within-category accuracy is close to 1 for few seen "
        "categories and falls to its value with all seen.",
        place="section 3.1, Fig. 2b and c",
        criterion="For every transformation the within-category accuracy at "
        f"the fewest seen categories (at most {FEW:g} of them) minus that at "
        "all is above 0; its mean over transformations at the fewest is above "
        f"{CLOSE_TO_ONE:g}.",
        needs=_CURVE + f"at n_seen of at most {FEW:g} of the categories, and "
        "at all",
        measure=accuracy.within_falls,
    ),
    "C3": Claim(
        statement="Networks are robust to the transformation of their "
        "training and not to the others, color excepted.",
        place="section 3.1, Fig. 2a",
        criterion="Of the accuracy above chance on original images, networks "
        "that saw all categories transformed keep, for every transformation "
        f"of training, a share above {ROBUST:g} under it and, on the mean "
        "over the other transformations that are not of the color family, a "
        f"share below {ROBUST:g}.",
        needs=_CURVE + "with n_seen: all and evaluate_on: all",
        measure=accuracy.robust_to_the_trained,
    ),
    "C4": Claim(
        statement="Across-category accuracy is higher for color than for "
        "convolutional and higher for these than for geometric "
        "transformations; it is lowest for rotations, below thinning.",
        place="section 3.1, Fig. 2c",
        criterion="The mean across-category accuracy over n_seen and "
        "transformations of the color family minus the convolutional, and of "
        "the convolutional family minus the geometric one, is above 0; so is, "
        "for every transformation but the rotations, its own minus the mean "
        "of both rotations.",
        needs=_CURVE + "at the same n_seen below all categories",
        studies=("faces", "inception"),
        measure=accuracy.families_are_ordered,
    ),
    "C5": Claim(
        statement="Transformed images of unseen categories are mainly taken "
        "for seen ones when few are seen.",
        place="section 3.1, Appendix D, Fig. 6",
        criterion="The share of transformed images of unseen categories that "
        "is taken for a seen category, at the fewest seen categories (at most "
        f"{FEW:g} of them, which is also its value by chance), is on the mean "
        f"over transformations above {MAINLY:g}.",
        needs=_CURVE + f"at n_seen of at most {FEW:g} of the categories",
        measure=accuracy.unseen_are_taken_for_seen,
    ),
    "C6": Claim(
        statement="Training with a transformation gives the penultimate layer "
        "more invariance to it than training without.",
        place="section 3.2, Fig. 3b and c",
        criterion="For every transformation the mean invariance of networks "
        "that saw all categories transformed, minus that of networks trained "
        "with original images only and with the same seed, is above 0.",
        needs=_CURVE + "with n_seen: all, and with the same seeds networks "
        "with transform: identity, n_seen: 0 and evaluate_on: all, with "
        "their neurons measured",
        measure=neurons.training_gains_invariance,
    ),
    "C7": Claim(
        statement="Invariance rises with the number of categories seen "
        "transformed.",
        place="section 3.2, Figs. 4, 9 and 10",
        criterion="For every transformation the mean invariance at the most "
        "seen categories minus that at the fewest is above 0.",
        needs=_CURVE + "at two n_seen or more, with their neurons measured",
        measure=neurons.invariance_rises,
    ),
    "C8": Claim(
        statement="Invariance is nearly the same for seen and unseen "
        "categories unless few are seen.",
        place="section 3.2, Figs. 4, 9 and 10",
        criterion="For every transformation the mean invariance for seen "
        "minus that for unseen categories, over networks that saw more than "
        f"{FEW:g} of the categories, is between -{SAME_INVARIANCE:g} and "
        f"{SAME_INVARIANCE:g}.",
        needs=_CURVE + f"at n_seen above {FEW:g} of the categories and below "
        "all, with their neurons measured",
        measure=neurons.seen_and_unseen_agree,
    ),
    "C9": Claim(
        statement="Invariance correlates with across-category accuracy and "
        "not with within-category accuracy.",
        place="section 3.2, Fig. 5b and c",
        criterion="Over the networks of all transformations, n_seen and "
        "seeds, the correlation of mean invariance with across-category "
        f"accuracy is above {CORRELATED:g} and that with within-category "
        f"accuracy is below {CORRELATED:g}.",
        unit="transformations, each with all of its networks",
        needs="networks of every transformation at several n_seen, with "
        "their neurons measured",
        measure=neurons.invariance_goes_with_across,
    ),
    "C10": Claim(
        statement="Invariance builds up over the layers.",
        place="section 3.2, Appendix D, Fig. 11",
        criterion="For every transformation, in the networks with the most "
        "seen categories, a line fitted to the mean invariance of the layers "
        "by their order rises by more than 0.",
        needs=_CURVE + "with analysis: layers",
        measure=neurons.invariance_builds_up,
    ),
    "C11": Claim(
        statement="For most neurons 1 to 20 % of the images make it active, "
        "and in most images 10 to 20 % of the neurons are active.",
        place="section 3.2, Fig. 3a",
        criterion="In networks that saw all categories transformed, on the "
        f"mean over transformations, a share above {MAINLY:g} of the neurons "
        f"is active for {ACTIVE_IMAGES[0]:g} to {ACTIVE_IMAGES[1]:g} of the "
        f"images, and in a share above {MAINLY:g} of the images "
        f"{ACTIVE_NEURONS[0]:g} to {ACTIVE_NEURONS[1]:g} of the neurons are "
        "active.",
        needs=_CURVE + "with n_seen: all and their neurons measured",
        studies=("faces", "imagenet"),
        measure=activity.neurons_are_selective,
    ),
    "C12": Claim(
        statement="Neurons that an image leaves inactive carry less than 1 % "
        "of accuracy, and the active ones nearly all of it.",
        place="section 3.2, Appendix D, Fig. 7",
        criterion="For every transformation, in the networks with the most "
        "seen categories and at their own threshold, ablating the inactive "
        f"neurons costs less than {INACTIVE_COST:g} of within-category "
        "accuracy, and ablating the active ones leaves less than "
        f"{LITTLE:g} of what is above chance.",
        needs=_CURVE + "with their neurons measured, tau being in steps of "
        "0.05",
        studies=("faces", "imagenet"),
        measure=activity.active_neurons_carry_accuracy,
    ),
    "C13": Claim(
        statement="Calling a neuron active for its top 1 % of images only "
        "leaves much accuracy with inactive neurons; so does the top 20 %.",
        place="section 3.2, Appendix D, Fig. 8",
        criterion="By the measures of C12, for every transformation: ablating "
        f"the neurons inactive by top {TOP} %, and those inactive by top "
        f"{WIDE_TOP} %, each costs more than {INACTIVE_COST:g} of "
        f"within-category accuracy; ablating those active by top {TOP} % "
        f"leaves more than {LITTLE:g} of what is above chance.",
        needs=_CURVE + "with their neurons measured",
        studies=("faces",),
        measure=activity.top_images_miss_accuracy,
    ),
    "C14": Claim(
        statement="Where invariance does not emerge (rotations), some neurons "
        "specialise in original images, some in transformed ones, and others "
        "lie in between.",
        place="section 3.2, Appendix D, Fig. 12",
        criterion="In networks that saw all categories transformed, for both "
        "rotations, each third of the scale of specialisation from -1 to 1 "
        f"holds a share above {PRESENT:g} of the neurons.",
        needs="networks of both rotations, 2 seeds or more, with n_seen: all "
        "and their neurons measured",
        studies=("faces",),
        measure=neurons.rotations_specialise,
    ),
    "C15": Claim(
        statement="Inception shows the same rise of invariance, with more "
        "invariant neurons than AlexNet.",
        place="section 3.2, Appendix D, Figs. 13 and 14",
        criterion="C7 holds for Inception; where all categories are seen, its "
        "share of neurons with an invariance coefficient above "
        f"{INVARIANT:g}, minus that of AlexNet with the same seed, is on the "
        "mean over transformations above 0.",
        needs=_CURVE + "at few n_seen and at all, of Inception and of AlexNet "
        "on the same images, with their neurons measured",
        studies=("inception",),
        measure=neurons.inception_agrees,
    ),
    "C16": Claim(
        statement="Local transformations gain about twice the invariance that "
        "geometric ones gain.",
        place="section 1",
        criterion="The mean rise of invariance, as in C7, over the "
        "convolutional and noise transformations, divided by that over the "
        f"geometric ones, is between {TWICE[0]:g} and {TWICE[1]:g}; a ratio "
        f"beyond {LARGEST_RATIO:g}, or without a geometric rise, counts as "
        f"{LARGEST_RATIO:g}, and where neither rises there is none.",
        needs=_CURVE + "at two n_seen or more, with their neurons measured",
        studies=("faces", "inception"),
        measure=neurons.local_gains_twice,
    ),
}
