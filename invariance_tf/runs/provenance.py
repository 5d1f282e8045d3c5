"""Records the origin of a result: versions, hardware, command, data."""

import os
import pathlib
import platform
import subprocess
import sys

import keras

from invariance_tf import files, run_files
from invariance_tf.runs import found, images
from invariance_tf.training import precision


def describe_environment():
    """Describes the running program and its machine.

    Returns:
        Dictionary of plain values: versions, git_commit (`None` outside of a
        checkout), git_is_modified, backend, hardware and command. Its hardware
        tells whether TensorFlow was told to use oneDNN: "1", "0", or `None` if
        nothing was said.
    """
    return {
        "versions": {
            "python": platform.python_version(),
            **images.find_versions(),
        },
        "git_commit": _git("rev-parse", "HEAD"),
        "git_is_modified": bool(_git("status", "--porcelain")),
        "backend": keras.backend.backend(),
        "hardware": {
            "machine": platform.machine(),
            "system": platform.platform(),
            "processor": _processor(),
            "num_cpus": os.cpu_count(),
            "devices": keras.distribution.list_devices(),
            "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS"),
        },
        "command": sys.argv,
    }


def write_provenance(prepared):
    """Writes provenance.json: environment, data, and the time so far.

    Other environments in which the run was begun are kept in `earlier`.

    Args:
        prepared: A `preparation.Prepared`.
    """
    path, now = prepared.path("provenance.json"), describe_environment()
    earlier = []
    if os.path.lexists(path):
        with run_files.reading(path):
            former = files.read_json(path)
            earlier = former.get("earlier", [])
            former = {name: former.get(name) for name in now}
        if former not in (now, *earlier):
            earlier.append(former)
    files.write_json(
        path,
        {
            **now,
            "earlier": earlier,
            "precision": _describe_precision(prepared.experiment.precision),
            "data": _describe_data(prepared),
            "seconds": prepared.seconds,
        },
    )


def write_analysis(finished, path):
    """Writes a provenance.json with the environment of a later analysis.

    Args:
        finished: A `run_files.FinishedRun`.
        path: Where to write it, if the run has one.
    """
    if os.path.lexists(finished.find("provenance.json")):
        with finished.reading("provenance.json") as former:
            record = files.read_json(former)
        files.write_json(path, {**record, "analysis": describe_environment()})


def check_same_images(prepared):
    """Raises if a run was started with other images.

    Args:
        prepared: A `preparation.Prepared`.

    Raises:
        FileExistsError: If so.
        DamagedFileError: If the record of its images is damaged.
    """
    path = prepared.path("provenance.json")
    if not os.path.lexists(path):
        return
    now = images.identify_images(prepared.dataset, prepared.parts)
    with run_files.reading(path):
        is_same = images.are_same(files.read_json(path)["data"], now)
    if not is_same:
        raise FileExistsError(
            f"The run {prepared.run_dir} was made with different images or a "
            "different test split. Use --overwrite to redo it, or another "
            "--runs_dir to keep it."
        )


def _describe_precision(chosen):
    """Describes the number format of a run, and why it was chosen."""
    is_measured = precision.bfloat16_gain.cache_info().currsize
    return {
        "chosen": chosen,
        "bfloat16_gain": precision.bfloat16_gain() if is_measured else None,
    }


def _describe_data(prepared):
    """Describes the images of a run."""
    dataset, data_dir = prepared.dataset, prepared.experiment.data_dir
    return {
        "name": dataset.name,
        "data_dir": data_dir and os.path.abspath(data_dir),
        **images.identify_images(dataset, prepared.parts),
        "num_skipped": len(dataset.skipped),
        **found.count_found(dataset, prepared.parts, prepared.near_copies),
        "left_out": found.group_left_out(dataset),
    }


def _git(*arguments):
    """Returns what git says about this checkout; `None` without one."""
    checkout = pathlib.Path(__file__).resolve().parents[2]
    if not (checkout / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "-C", str(checkout), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _processor():
    """Returns the name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = [line for line in file if line.startswith("model name")]
        return lines[0].split(":", 1)[1].strip()
    except (OSError, IndexError):
        return platform.processor()
