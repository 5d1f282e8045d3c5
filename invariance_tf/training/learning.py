"""Whether a training has left chance, known after some hundred steps."""

import logging
import math

import keras
import numpy as np

_logger = logging.getLogger(__name__)

# Steps over which cross-entropy and accuracy are averaged for one look.
WINDOW = 250
# Steps at chance after which a training is said not to learn.
PATIENCE = 500
# Numbers of `LearningWatch.state`.
STATE_SIZE = 4


class NotLearningError(ArithmeticError):
    """A training that was to end if it does not learn has not learned."""


def advise(network_args):
    """Says what to try for a network that stays at chance.

    Args:
        network_args: Dictionary, arguments of the network.
    """
    way = "a higher --learning_rate or more --epochs"
    if network_args.get("initializer", "he") != "he":
        # A higher rate would silence the neurons.
        way = "--network_args.initializer he"
    return (
        f"Try {way}; if that does not help, check that images and labels "
        "belong together."
    )


def chance_level(shares):
    """Returns what a network reaches that only knows how common categories are.

    With p_c the share of category c among the training images drawn, the
    least cross-entropy without looking at the image is the entropy
    `-sum(p_c log p_c)`, which is ln(num_categories) where all are equally
    common; the highest accuracy is `max(p_c)`.

    Args:
        shares: Float array of shape `(num_categories,)` that adds up to 1.

    Returns:
        Two floats: cross-entropy in nats, and accuracy.

    Example:

    >>> [round(level, 3) for level in chance_level([0.25] * 4)]
    [1.386, 0.25]
    """
    shares = np.asarray(shares, float)
    known = shares[shares > 0]
    return float(-(known * np.log(known)).sum()), float(shares.max())


def is_above_chance(cross_entropy, accuracy, num_images, shares):
    """Tells whether training images are classified better than by chance.

    The cross-entropy must be 2 % below that of chance, or the accuracy four
    standard errors above. The accuracy comes first in a network whose first
    logits are large: it is right more often than chance while its confident
    mistakes still keep the cross-entropy above.

    Args:
        cross_entropy: Float, mean over the images.
        accuracy: Float, mean over the images.
        num_images: Number of images that were averaged over.
        shares: Float array, as for `chance_level`.

    Example:

    >>> is_above_chance(3.26, 0.04, 8000, np.full(26, 1 / 26))
    False
    >>> is_above_chance(3.30, 0.05, 8000, np.full(26, 1 / 26))
    True
    """
    entropy, share = chance_level(shares)
    if share == 1:
        # With a single category there is nothing to learn.
        return True
    error = math.sqrt(share * (1 - share) / num_images)
    return cross_entropy < 0.98 * entropy or accuracy > share + 4 * error


class LearningWatch(keras.callbacks.Callback):
    """Compares the running cross-entropy with chance, every `WINDOW` steps.

    The first step known to be above chance is `learned_at`, nan before; the
    history has it as `learned_at_step`, from where a resumed training takes
    it.

    Args:
        shares: Float array of shape `(num_categories,)`: how often each
            category is drawn.
        images_per_step: Float, mean number of images of a batch; the last one
            of an epoch can be smaller.
        history: List of the dictionaries of former epochs.
        must_learn: Boolean, whether to end a training that does not learn.
        record: Function of a dictionary of numbers and a step, or `None`.
        state: The attribute `state` after the former epochs, or `None`.
        advice: String, what to do about a training that does not learn.

    Raises:
        NotLearningError: If `must_learn`, after `PATIENCE` steps at chance.
    """

    def __init__(
        self,
        shares,
        images_per_step,
        history,
        must_learn,
        record=None,
        state=None,
        advice="",
    ):
        super().__init__()
        self.shares = shares
        self.images_per_step = images_per_step
        self.must_learn = must_learn
        self.record = record
        self.advice = advice
        self.learned_at = math.nan
        if history:
            self.learned_at = history[-1].get("learned_at_step", math.nan)
        self._warn_at = PATIENCE
        # Sums over the steps of this window in former epochs, and the sums at
        # which the window began in this one: steps, cross-entropy, accuracy.
        self._carried = self._begun = np.zeros(3)
        if state is not None:
            self._warn_at, *carried = state
            self._carried = np.array(carried)
        is_warned = self._warn_at > PATIENCE and math.isnan(self.learned_at)
        if must_learn and is_warned:
            step = round(self._warn_at / 2)
            raise NotLearningError(f"Still at chance at step {step}. {advice}")

    @property
    def state(self):
        """List of numbers by which a resumed training goes on with its looks.

        They are those of `_warn_at` and of `_carried`, `STATE_SIZE` in all.
        """
        return [self._warn_at, *self._carried]

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._begun = np.zeros(3)

    def on_train_batch_end(self, batch, logs=None):
        # Reading the logs waits for the device: not at every step.
        if self._carried[0] + batch + 1 - self._begun[0] < WINDOW:
            return
        window = self._window(batch + 1, logs)
        self._begun, self._carried = self._sums(batch + 1, logs), np.zeros(3)
        step = self._epoch * self.params["steps"] + batch + 1
        self._look(step, window)

    def on_epoch_end(self, epoch, logs=None):
        self._carried = self._window(self.params["steps"], logs)

    def _sums(self, num_steps, logs):
        """Returns the sums since the epoch began; logs hold the means."""
        means = 1.0, float(logs["cross_entropy"]), float(logs["accuracy"])
        return num_steps * np.array(means)

    def _window(self, num_steps, logs):
        """Returns the sums over the steps of the window so far."""
        return self._carried + self._sums(num_steps, logs) - self._begun

    def _look(self, step, window):
        """Notes whether the network is above chance, and says so."""
        num_steps, *sums = window
        cross_entropy, accuracy = np.array(sums) / num_steps
        entropy, share = chance_level(self.shares)
        if self.record is not None:
            self.record(
                {
                    "by_step/cross_entropy": cross_entropy,
                    "by_step/cross_entropy_of_chance": entropy,
                    "by_step/accuracy": accuracy,
                },
                step,
            )
        if not math.isnan(self.learned_at):
            return
        num_images = num_steps * self.images_per_step
        found = (
            f"cross-entropy {cross_entropy:.3f} (chance {entropy:.3f}), "
            f"accuracy {accuracy:.3f} (chance {share:.3f})"
        )
        if is_above_chance(cross_entropy, accuracy, num_images, self.shares):
            self.learned_at = float(step)
            _logger.info("Above chance at step %d: %s.", step, found)
        elif step >= self._warn_at:
            # Then at 2, 4, 8 times as many steps.
            self._warn_at = 2 * step
            message = f"Still at chance at step {step}: {found}. {self.advice}"
            if self.must_learn:
                raise NotLearningError(message)
            _logger.warning(message)
