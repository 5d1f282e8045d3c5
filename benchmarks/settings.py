"""Measures what each choice of the training step gains over its alternative.

`python -m benchmarks.settings` trains one network on the same batches as
`training_step`, as a run does and with one choice changed, in turn, each in a
process of its own. It shows the rate of the changed step over that of the step
as it is: above 1 the alternative would be faster.
"""

import argparse
import contextlib
import os
import statistics
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import contest, training_step

# What is changed, and the environment in which.
ALTERNATIVES = {
    "as it is": {},
    # The same program again: what of a ratio is noise.
    "nothing": {},
    "XLA": {},
    "without oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "one operation at a time": {"TF_NUM_INTEROP_THREADS": "1"},
    "one step per call": {},
    "Keras' BatchNormalization": {},
    "TensorFlow's LRN": {},
    "Keras' SGD": {},
    "BFC allocator": {"TF_CPU_ALLOCATOR_USE_BFC": "true"},
    "mixed_bfloat16": {},
}
# What only some networks have.
LAYERS = {
    "Keras' BatchNormalization": "resnet18",
    "TensorFlow's LRN": "alexnet",
}

AT_ONCE = 3


def layer_types(alternative):
    """Returns our class, and the one that the alternative puts in its place."""
    import keras
    import tensorflow as tf

    from invariance_tf.networks import alexnet, resnet18
    from invariance_tf.networks.normalization import BatchNormalization
    from invariance_tf.training import fitting
    from invariance_tf.training.momentum import MomentumSGD

    class OperationLRN(keras.layers.Layer):
        def __init__(self, radius, bias, alpha, beta, **kwargs):
            super().__init__(**kwargs)
            self.arguments = radius, bias, alpha, beta

        def call(self, inputs):
            return tf.nn.local_response_normalization(inputs, *self.arguments)

    return {
        "Keras' BatchNormalization": (
            resnet18,
            BatchNormalization,
            keras.layers.BatchNormalization,
        ),
        "TensorFlow's LRN": (
            alexnet,
            alexnet.LocalResponseNormalization,
            OperationLRN,
        ),
        "Keras' SGD": (fitting, MomentumSGD, keras.optimizers.SGD),
    }.get(alternative)


@contextlib.contextmanager
def changed(alternative):
    """Changes what networks and optimizers made inside consist of."""
    types = layer_types(alternative)
    if types is None:
        yield
        return
    module, ours, theirs = types
    if getattr(module, ours.__name__) is not ours:
        raise LookupError(f"{module.__name__} does not use {ours.__name__}.")
    setattr(module, ours.__name__, theirs)
    yield
    setattr(module, ours.__name__, ours)


def check_took_effect(model, alternative):
    """Raises unless the model consists of what the alternative names."""
    types = layer_types(alternative)
    if types is None:
        return
    _, ours, theirs = types
    used = {type(part).__name__ for part in [*model.layers, model.optimizer]}
    is_there = theirs.__name__ in used
    if theirs.__name__ != ours.__name__:
        is_there = is_there and ours.__name__ not in used
    elif any(isinstance(layer, ours) for layer in model.layers):
        is_there = False
    if not is_there:
        raise RuntimeError(
            f"The alternative has no effect. Received: {alternative}"
        )


def make_step(work, alternative):
    """Returns a function that trains on a batch, with one choice changed."""
    precision = "float32"
    if alternative == "mixed_bfloat16":
        precision = alternative
    with changed(alternative):
        step = training_step.make_step(
            *training_step.WORK[work],
            precision,
            training_step.NUM_STEPS.get(work, 1),
            jit_compile=alternative == "XLA",
            steps_at_once=1 if alternative == "one step per call" else None,
        )
    check_took_effect(step.model, alternative)
    return step


def compare(work, alternatives, repeats):
    """Returns a row of the table for each alternative."""
    here = [sys.executable, "-m", "benchmarks.settings", "--serve", work]
    network = training_step.WORK[work][0]
    commands = {}
    for name in alternatives:
        if not network.startswith(LAYERS.get(name, "")):
            continue
        variables = [f"{k}={v}" for k, v in ALTERNATIVES[name].items()]
        commands[name] = ["env", *variables, *here, name]
    seconds = contest.compete(commands, repeats)
    num_steps = training_step.NUM_STEPS.get(work, 1)
    return [
        {
            "work": work,
            "changed": name,
            "rate_to_as_it_is": round(
                contest.ratio(seconds, name, "as it is"), 3
            ),
            "milliseconds": round(
                1e3 / num_steps * statistics.median(measured), 1
            ),
            "repeats": len(measured),
        }
        for name, measured in seconds.items()
        if measured
    ]


def main():
    """Prints and writes a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    works = [*training_step.WORK]
    parser.add_argument("--work", nargs="+", choices=works, default=works)
    parser.add_argument(
        "--changed", nargs="+", choices=[*ALTERNATIVES][1:], default=None
    )
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--out", help="CSV file to append to")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        contest.serve(make_step(*arguments.serve))
        return
    names = arguments.changed or [*ALTERNATIVES][1:]
    for work in arguments.work:
        rows = []
        # Not all at once: AlexNet takes 4 GiB in each process.
        for first in range(0, len(names), AT_ONCE):
            group = ["as it is", *names[first : first + AT_ONCE]]
            found = compare(work, group, arguments.repeats)
            rows += found if not rows else found[1:]
        for row in rows:
            sys.stdout.write(
                "{work}: {changed}: {rate_to_as_it_is} x the rate, "
                "{milliseconds} ms\n".format(**row)
            )
        contest.write(arguments.out, rows)


if __name__ == "__main__":
    main()
