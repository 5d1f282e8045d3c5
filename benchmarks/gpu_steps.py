"""Training steps on a GPU, Keras on JAX beside PyTorch: run by `gpu`."""

import os
import statistics
import sys

from benchmarks import contest, training_step

# Most telling first. Each with its images in a batch.
WORK = {
    f"{name}_{batch_size}": (*training_step.WORK[name][:3], batch_size)
    for name, batch_size in (
        ("alexnet", 32),
        ("resnet18_224", 256),
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


def make_step(
    precision, num_steps, network, image_size, num_categories, batch_size
):
    """Returns a function that trains on a batch that lies on the device.

    Keras' own step but for the metrics. It overwrites the variables of the
    step before, and the loss is waited for once in `num_steps`.
    """
    import jax
    import keras
    import numpy as np

    from benchmarks import jax_step
    from invariance_tf import networks, transforms
    from invariance_tf.paradigm import model as models
    from invariance_tf.training import fitting

    set_precision(precision)
    keras.utils.set_random_seed(0)
    is_mixed = precision == "bfloat16"
    model = models.build(
        networks.get(network),
        transforms.get("highpass"),
        image_size,
        num_categories,
        weight_decay=5e-4,
        precision="mixed_bfloat16" if is_mixed else "float32",
    )
    fitting.compile_model(model, 1e-4)
    model.optimizer.build(model.trainable_variables)
    shape = (batch_size, image_size, image_size, 3)
    images = {
        "image": np.random.default_rng(0).integers(0, 256, shape, "uint8"),
        "is_transformed": np.arange(batch_size) % 2 == 0,
    }
    labels = np.arange(batch_size) % num_categories
    batch = jax.device_put((images, labels))
    step = jax.jit(jax_step.step_of(model), donate_argnums=0)
    state = jax_step.state_of(model)

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


def make_commands(work, devices, torch_python, sizes):
    """Returns the commands of all contenders, by their names.

    Args:
        work: Tuple of network, pixels, categories and images in a batch.
        devices: Dictionary as of `gpu.find_devices`.
        torch_python: Path of a Python with PyTorch.
        sizes: Pair of side of the matrices and steps at once.
    """
    matrix_size, num_steps = map(str, sizes)
    here = [sys.executable, "-m", "benchmarks.gpu_steps"]
    commands = {}
    for precision in PRECISIONS if "jax" in devices else ():
        options = [precision, num_steps]
        commands[f"product {precision}"] = [*here, *options, matrix_size]
        commands[f"keras {precision}"] = [*here, *options, *map(str, work)]
    for precision in PRECISIONS[1:] if "torch" in devices else ():
        program = [torch_python, "-m", "benchmarks.torch_step"]
        device = "cpu" if devices["torch"] == "cpu" else "cuda"
        options = ["--device", device, "--num_steps", num_steps]
        options += ["--precision", precision]
        for way in TORCH_WAYS:
            name = f"torch {way} {precision}"
            commands[name] = [*program, *map(str, work), way, *options]
    return commands


def tabulate(name, work, seconds, sizes):
    """Returns a row of the table for each contender that has run."""
    matrix_size, num_steps = sizes
    operations = {"product": 2 * matrix_size**3}
    rates, rows = {}, []
    for contender, measured in seconds.items():
        kind, precision = contender.split()[0], contender.split()[-1]
        if not measured:
            continue
        step = statistics.median(measured) / num_steps
        own = operations.get(kind) or training_step.count_operations(*work)
        rates[contender] = own / step
        peak = rates.get(f"product {precision}", float("nan"))
        keras = f"keras {precision}" if kind != "product" else None
        ratio = contest.ratio({keras: [], **seconds}, keras, contender)
        images = work[-1] if kind != "product" else float("nan")
        rows.append(
            {
                "work": name,
                "contender": contender,
                "milliseconds": round(1000 * step, 4),
                "images_per_second": round(images / step, 1),
                "teraflops": round(own / step / 1e12, 3),
                "share_of_product": round(own / step / peak, 4),
                "keras_to_this": round(ratio, 3),
                "repeats": len(measured),
            }
        )
    return rows


def run(arguments, devices, afford, out_path):
    """Measures each piece of work; writes its rows when they are there."""
    works = SMALL_WORK if arguments.smoke else WORK
    sizes = (64, 1) if arguments.smoke else (MATRIX_SIZE, NUM_STEPS)
    for name in afford(works):
        commands = make_commands(
            works[name], devices, arguments.torch_python, sizes
        )
        repeats = 1 if arguments.smoke else arguments.repeats
        seconds = contest.compete(commands, repeats, arguments.num_at_once)
        for contender in (key for key in commands if not seconds[key]):
            command = " ".join(commands[contender])
            sys.stdout.write(f"{contender} does not run here: {command}\n")
        rows = tabulate(name, works[name], seconds, sizes)
        for row in rows:
            sys.stdout.write(
                "{work}: {contender}: {milliseconds} ms, {images_per_second} "
                "images/s, {teraflops} TFLOP/s, {share_of_product} of the "
                "product's rate; Keras is {keras_to_this} x as fast\n".format(
                    **row
                )
            )
        device = devices.get("jax") or devices["torch"]
        rows = [{**row, "device": device} for row in rows]
        contest.write(out_path, rows, arguments.torch_python)


def main():
    """Works whenever it is its turn; started by `run`."""
    os.environ["KERAS_BACKEND"] = "jax"
    precision, *numbers = sys.argv[1:]
    num_steps, *work = (int(n) if n.isdigit() else n for n in numbers)
    make = make_product if len(work) == 1 else make_step
    contest.serve(make(precision, num_steps, *work))


if __name__ == "__main__":
    main()
