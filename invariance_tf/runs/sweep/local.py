"""The local engine: worker processes on this machine.

Pools of libraries start their processes from a thread, which cannot shield
them from Ctrl-C meanwhile, and their retries do not distinguish a run that
another sweep has locked from one that failed.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing import connection, resource_tracker

from invariance_tf.runs.sweep import worker
from invariance_tf.runs.sweep.worker import Outcome

_SPAWN = multiprocessing.get_context("spawn")


class LocalEngine:
    """Hands work to processes on this machine, and replaces dead ones.

    Args:
        num_slots: Integer, number of processes.
        num_threads: Integer, threads of each process.
    """

    def __init__(self, num_slots, num_threads):
        self.num_slots = num_slots
        self._environment = worker.environment(num_threads)
        self._idle = []
        # From the pipe of a process to the process and the key of its work.
        self._busy = {}

    def has_room(self):
        """Returns whether work can be started now."""
        return len(self._busy) < self.num_slots

    def start(self, key, function, *arguments):
        """Starts `function(*arguments)` in a process.

        Args:
            key: Hashable name of the work, for `wait`.
            function: A function that can be pickled.
            *arguments: Its arguments.
        """
        process = self._take()
        self._busy[process.pipe] = process, key
        process.num_runs += 1
        # If it has died, `wait` will notice.
        with contextlib.suppress(BrokenPipeError):
            process.pipe.send((function, arguments))

    def wait(self, timeout):
        """Waits until any work has ended.

        Args:
            timeout: Float, seconds to wait at most.

        Returns:
            List of (key, `Outcome`) of the work that has ended.
        """
        ended = []
        for pipe in connection.wait([*self._busy], timeout):
            process, key = self._busy.pop(pipe)
            try:
                outcome = pipe.recv()
            except (EOFError, ConnectionResetError):
                outcome = Outcome("died", message=process.cause_of_death())
            else:
                self._idle.append(process)
            ended.append((key, outcome))
        return ended

    def stop(self):
        """Kills all processes; the files that they wrote are complete."""
        busy = [process for process, _ in self._busy.values()]
        for process in self._idle + busy:
            process.end()
        self._busy, self._idle = {}, []

    def _take(self):
        """Returns an idle process, or a new one instead of a worn-out one."""
        while self._idle:
            process = self._idle.pop()
            if process.num_runs < worker.RUNS_PER_PROCESS:
                return process
            process.end()
        with _interrupts_held_back(), _environ(self._environment):
            return _Process()


class _Process:
    """Starts a worker process, and holds the pipe to it."""

    def __init__(self):
        self.num_runs = 0
        self.pipe, far_end = _SPAWN.Pipe()
        self._process = _SPAWN.Process(
            target=_serve, args=(far_end, sys.argv), daemon=True
        )
        self._process.start()
        # Only then does the pipe close with the process.
        far_end.close()

    def end(self):
        """Kills the process."""
        self._process.kill()
        self._process.join()
        self.pipe.close()

    def cause_of_death(self):
        """Describes how the process has ended."""
        self._process.join()
        self.pipe.close()
        code = self._process.exitcode
        if code < 0:
            return f"its process was killed by {signal.Signals(-code).name}"
        return f"its process exited with status {code}"


def _serve(pipe, command):
    """Does the work that arrives through a pipe."""
    parent = multiprocessing.parent_process().sentinel
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    worker.set_up_process(command)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            function, arguments = pipe.recv()
            pipe.send(worker.attempt(function, *arguments))


def _die_with(parent):
    """Ends this process as soon as its parent has ended."""
    connection.wait([parent])
    os._exit(1)


@contextlib.contextmanager
def _interrupts_held_back():
    """Shields a process started inside from Ctrl-C; its parent will end it.

    An interrupt that arrives meanwhile is raised at the end, not lost.
    """
    # If started later, it would unblock the signal.
    resource_tracker.ensure_running()
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


@contextlib.contextmanager
def _environ(variables):
    """Sets environment variables for a process started inside."""
    former = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(former)
