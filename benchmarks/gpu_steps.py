"""Training steps on a GPU, Keras on JAX against PyTorch: run by `gpu`."""

import os
import sys

from benchmarks import contest, training_step

# Most telling first. Each with its images in a batch.
_NETWORKS = {**training_step.WORK, "inception": ("inception", 100, 388, 32)}
WORK = {
    f"{name}_{batch_size}": (*_NETWORKS[name][:3], batch_size)
    for name, batch_size in (
        ("alexnet", 32),
        ("resnet18_224", 256),
        ("inception", 32),
        ("alexnet_small", 32),
        ("resnet18_64", 256),
        ("alexnet", 256),
        ("alexnet_small", 1024),
        ("resnet18_64", 32),
        ("resnet18_224", 32),
    )
}
SMALL_WORK = {"alexnet_small_4": ("alexnet_small", 16, 3, 4)}
# Numbers of the products, by JAX' names: tensorfloat32 is what it takes for
# float32 where nothing is said, and what PyTorch calls "high".
PRECISIONS = ("float32", "tensorfloat32", "bfloat16")
TORCH_WAYS = ("eager", "compiled", "graphs")
MATRIX_SIZE = 8192
NUM_STEPS = 10


def set_precision(precision):
    """Says which numbers JAX' products of float32 take."""
    import jax

    is_full = precision == "float32"
    name = "float32" if is_full else "tensorfloat32"
    jax.config.update("jax_default_matmul_precision", name)


def step_of(model):
    """Makes Keras' own training step but for the metrics.

    The variables of `model`, a compiled one with one loss, stay as they are.

    Returns:
        Function from a state (`state_of`) and a batch to loss and new state.
    """
    import jax

    def loss_of(trainable, others, inputs, labels):
        logits, others, penalties = model.stateless_call(
            trainable, others, inputs, training=True, return_losses=True
        )
        return model.loss(labels, logits) + sum(penalties), others

    def step(state, batch):
        trainable, others, optimizer = state
        (loss, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            trainable, others, *batch
        )
        trainable, optimizer = model.optimizer.stateless_apply(
            optimizer, gradients, trainable
        )
        return loss, (trainable, others, optimizer)

    return step


def state_of(model):
    """Returns the values of all variables that a training step changes."""
    groups = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
    )
    return tuple([variable.value for variable in group] for group in groups)


def make_step(
    precision, num_steps, network, image_size, num_categories, batch_size
):
    """Returns a function that trains on a batch that lies on the device.

    It overwrites the variables of the step before, and the loss is waited for
    once in `num_steps`.
    """
    import jax

    set_precision(precision)
    model = training_step.build_model(
        network,
        image_size,
        num_categories,
        precision="mixed_bfloat16" if precision == "bfloat16" else "float32",
    )
    model.optimizer.build(model.trainable_variables)
    images, flags, labels = contest.make_batch(
        batch_size, image_size, num_categories
    )
    inputs = {"image": images, "is_transformed": flags}
    batch = jax.device_put((inputs, labels))
    step = jax.jit(step_of(model), donate_argnums=0)
    state = state_of(model)

    def work():
        nonlocal state
        for _ in range(num_steps):
            loss, state = step(state, batch)
        return float(loss)

    return work


def make_product(precision, num_steps, matrix_size):
    """Returns a function that multiplies two matrices."""
    import jax

    set_precision(precision)
    dtype = "bfloat16" if precision == "bfloat16" else "float32"
    shape = (2, matrix_size, matrix_size)
    one, other = jax.random.normal(jax.random.key(0), shape, dtype)
    product = jax.jit(lambda one, other: one @ other)

    def work():
        for _ in range(num_steps):
            result = product(one, other)
        result.block_until_ready()

    return work


def make_commands(work, devices, torch_python, matrix_size, num_steps):
    """Returns the commands of all contenders, by their names.

    Args:
        work: Tuple of network, pixels, categories and images in a batch.
        devices: Dictionary as of `gpu.find_devices`.
        torch_python: Path of a Python with PyTorch.
        matrix_size: Integer, the side of the matrices.
        num_steps: Integer, steps or products in a call.
    """
    here = [sys.executable, "-m", "benchmarks.gpu_steps"]
    commands = {}
    for precision in PRECISIONS if "jax" in devices else ():
        options = [precision, str(num_steps)]
        commands[f"product {precision}"] = [*here, *options, str(matrix_size)]
        commands[f"keras {precision}"] = [*here, *options, *map(str, work)]
    # The programs in PyTorch have no Inception.
    has_torch = "torch" in devices and work[0] != "inception"
    for precision in PRECISIONS[1:] if has_torch else ():
        program = [torch_python, "-m", "benchmarks.torch_step"]
        device = "cpu" if devices["torch"] == "cpu" else "cuda"
        options = ["--device", device, "--num_steps", str(num_steps)]
        options += ["--precision", precision]
        for way in TORCH_WAYS:
            name = f"torch {way} {precision}"
            commands[name] = [*program, *map(str, work), way, *options]
    return commands


def references(contender):
    """Returns the step and the product of the same numbers."""
    precision = contender.split()[-1]
    return f"keras {precision}", f"product {precision}"


def run(arguments, devices, afford, out_path):
    """Measures each piece of work; writes its rows when they are there."""
    works = SMALL_WORK if arguments.smoke else WORK
    matrix_size, num_steps = MATRIX_SIZE, NUM_STEPS
    if arguments.smoke:
        matrix_size, num_steps = 64, 1
    for name in afford(works):
        commands = make_commands(
            works[name],
            devices,
            arguments.torch_python,
            matrix_size,
            num_steps,
        )
        seconds = contest.compete(
            commands, arguments.repeats, arguments.num_at_once
        )
        sizes = (matrix_size, num_steps, num_steps)
        rows = training_step.tabulate(
            name, works[name], seconds, sizes, references
        )
        device = devices.get("jax") or devices["torch"]
        contest.report_rows(
            [{**row, "device": device} for row in rows],
            training_step.LINE,
            out_path,
            arguments.torch_python if "torch" in devices else None,
        )


def main():
    """Works whenever it is its turn; started by `run`."""
    os.environ["KERAS_BACKEND"] = "jax"
    precision, *numbers = sys.argv[1:]
    num_steps, *work = (int(n) if n.isdigit() else n for n in numbers)
    make = make_product if len(work) == 1 else make_step
    contest.serve(make(precision, num_steps, *work))


if __name__ == "__main__":
    main()
