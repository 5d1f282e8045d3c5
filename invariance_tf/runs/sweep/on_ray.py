"""The Ray engine: tasks on the machines of a cluster."""

import os
import sys
import time

import ray

from invariance_tf.runs.sweep import worker
from invariance_tf.runs.sweep.worker import Outcome


class RayEngine:
    """Hands work to tasks of a Ray cluster.

    All machines must have the package, the data and the directory of runs at
    the same paths. Ray reuses processes, and with them TensorFlow and the
    decoded data set.

    Args:
        address: Address of a cluster, such as `"auto"`; `None` starts one on
            this machine.
        num_threads: Integer, CPUs and threads of each task.
        num_gpus: Float >= 0, GPUs of each task; with a fraction, tasks share
            a GPU.

    Raises:
        ConnectionError: If the cluster cannot be reached or started.
        ValueError: If no machine has the resources of a task.
    """

    def __init__(self, address, num_threads, num_gpus):
        try:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level="ERROR",
                include_dashboard=False if address is None else None,
                runtime_env={"env_vars": worker.environment(num_threads)},
            )
        except Exception as error:
            # Ray raises many types, a bare Exception if it starts too slowly.
            raise ConnectionError(
                f"Ray cannot be reached or started: {error} "
                f"Received: address={address}"
            ) from error
        self._needs = {"CPU": num_threads, "GPU": num_gpus}
        # Retries are up to `schedule`, which reports them.
        self._task = ray.remote(
            num_cpus=num_threads,
            num_gpus=num_gpus,
            max_retries=0,
            max_calls=worker.RUNS_PER_PROCESS,
        )(_serve)
        # From the reference of a task to the key of its work.
        self._busy = {}
        if not self.num_slots:
            self.stop()
            raise ValueError(
                "No machine of the Ray cluster has enough CPUs and GPUs for a "
                "run. Received: "
                f"cpus_per_run={num_threads}, gpus_per_run={num_gpus}"
            )

    @property
    def num_slots(self):
        """Number of simultaneous tasks in the cluster at present."""
        return sum(
            int(
                min(
                    node["Resources"].get(name, 0.0) / needed
                    for name, needed in self._needs.items()
                    if needed
                )
                # 1.0 / (1 / 3) may be 2.9999.
                + 1e-6
            )
            for node in ray.nodes()
            if node["Alive"]
        )

    def has_room(self):
        """Returns whether work can be started now."""
        return len(self._busy) < self.num_slots

    def start(self, key, function, *arguments):
        """Starts `function(*arguments)` as a task, as `LocalEngine.start`."""
        reference = self._task.remote(
            os.getcwd(), sys.argv, function, *arguments
        )
        self._busy[reference] = key

    def wait(self, timeout):
        """Waits until any work has ended, as `LocalEngine.wait`."""
        if not self._busy:
            time.sleep(timeout)
            return []
        ended, _ = ray.wait([*self._busy], timeout=timeout)
        return [(self._busy.pop(each), _outcome(each)) for each in ended]

    def stop(self):
        """Kills all tasks and leaves the cluster."""
        for reference in self._busy:
            ray.cancel(reference, force=True)
        self._busy = {}
        ray.shutdown()


def _outcome(reference):
    """Returns the outcome of an ended task."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        return Outcome(
            "died", message=f"its process died ({type(error).__name__})"
        )


def _serve(directory, command, function, *arguments):
    """Does a piece of work in a process of Ray."""
    os.chdir(directory)
    worker.set_up_process(command)
    return worker.attempt(function, *arguments)
