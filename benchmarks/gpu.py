"""Measures what a GPU gives: Keras on JAX against PyTorch.

`python -m benchmarks gpu` needs JAX or PyTorch with a GPU, and no TensorFlow.
It writes a CSV file for each part into `--out_dir`:

steps: training steps (high-pass filter on half of the images, standardisation,
SGD with momentum and weight decay) on data that lie on the device, in float32,
TensorFloat32 and bfloat16, by Keras on JAX and by PyTorch eagerly, compiled,
and compiled with CUDA graphs; images per second, and the share of the rate of
large matrix products of the same numbers, in turn, each in its own process.
analysis: reading activities, invariance coefficients and ablation against the
bare passes.

Parts share the time of `--seconds`: none begins a piece of work that would take
longer than what is left. Where PyTorch has a Python of its own,
`--torch_python` names it.
"""

import functools
import importlib
import importlib.util
import os
import subprocess
import sys
import time

from benchmarks import contest

# The modules of the parts.
PARTS = {"steps": "gpu_steps", "analysis": "analysis"}
# Of JAX: several processes share a GPU if none takes all its memory.
ENVIRONMENT = {
    "KERAS_BACKEND": "jax",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
FIND = {
    "jax": "import jax; found = jax.devices()[0]; "
    "print(found.platform if found.platform == 'cpu' else found.device_kind)",
    "torch": "import torch; has = torch.cuda.is_available(); "
    "print(torch.cuda.get_device_name() if has else 'cpu')",
}


def find_devices(pythons):
    """Returns the names of the devices that libraries find.

    Args:
        pythons: Dictionary from the library, a key of `FIND`, to a Python, or
            `None`.

    Returns:
        Dictionary from the library to a name, `"cpu"` without a GPU,
        without libraries that are not there.
    """
    devices = {}
    for library, python in pythons.items():
        if python is None:
            continue
        done = subprocess.run(
            [python, "-c", FIND[library]], capture_output=True, text=True
        )
        if done.returncode == 0:
            devices[library] = done.stdout.splitlines()[-1]
    return devices


def affordable(items, seconds):
    """Yields items while there is time for one more as long as the longest.

    Example:

    >>> list(affordable("ab", 60))
    ['a', 'b']
    """
    end, longest = time.monotonic() + seconds, 0.0
    for item in items:
        start = time.monotonic()
        if start + longest > end:
            sys.stdout.write(f"No time is left for {item} and the rest.\n")
            return
        yield item
        longest = max(longest, time.monotonic() - start)


def parse_options():
    """Returns the options."""
    parser = contest.make_parser(__doc__, repeats=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS])
    parser.add_argument("--torch_python", help="a Python with PyTorch")
    parser.add_argument("--out_dir", default="gpu")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument(
        "--num_at_once",
        type=int,
        default=4,
        help="contenders of `steps` that start together",
    )
    parser.add_argument("--allow_cpu", action="store_true")
    parser.add_argument(
        "--smoke", action="store_true", help="tiny sizes, to try the command"
    )
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.repeats = 1
    if arguments.torch_python is None and importlib.util.find_spec("torch"):
        arguments.torch_python = sys.executable
    return arguments


def main():
    """Runs the parts one after another."""
    arguments = parse_options()
    end = time.monotonic() + arguments.seconds
    os.environ.update(ENVIRONMENT)
    devices = find_devices(
        {"jax": sys.executable, "torch": arguments.torch_python}
    )
    if not arguments.allow_cpu:
        devices = {key: name for key, name in devices.items() if name != "cpu"}
    if not devices:
        sys.stderr.write(
            "This measures an NVIDIA GPU, by JAX or PyTorch (--allow_cpu "
            "--smoke tries it without one). Received: no GPU\n"
        )
        sys.exit(2)
    os.makedirs(arguments.out_dir, exist_ok=True)
    for number, part in enumerate(arguments.parts):
        if part != "steps" and "jax" not in devices:
            sys.stdout.write(f"{part}: JAX finds no GPU here.\n")
            continue
        left = end - time.monotonic()
        seconds = left / (len(arguments.parts) - number)
        importlib.import_module(f"benchmarks.{PARTS[part]}").run(
            arguments,
            devices,
            functools.partial(affordable, seconds=seconds),
            os.path.join(arguments.out_dir, f"{part}.csv"),
        )


if __name__ == "__main__":
    main()
