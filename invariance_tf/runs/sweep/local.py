"""The local engine: worker processes of this machine.

A pool of a library would start its processes from a thread, which cannot keep
Ctrl-C off them while they start; and its retries could not tell a run that
another sweep holds from one that failed. What is left for it to do is short.
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
    """Hands work to processes of this machine and starts dead ones anew.

    Args:
        jobs: Integer, number of processes.
        num_threads: Integer, threads of each.
    """

    def __init__(self, jobs, num_threads):
        self.num_slots = jobs
        self._environment = worker.environment(num_threads)
        self._idle = []
        # From a pipe to the process at its end and the key of its work.
        self._busy = {}

    def has_room(self):
        """Tells whether work can be started now."""
        return len(self._busy) < self.num_slots

    def start(self, key, function, *arguments):
        """Starts `function(*arguments)` in a process.

        Args:
            key: What `wait` will call the work; anything hashable.
            function: A function of a module.
            *arguments: Its arguments.
        """
        process = self._take()
        self._busy[process.pipe] = process, key
        process.num_runs += 1
        # One that has died unnoticed is found by `wait`.
        with contextlib.suppress(BrokenPipeError):
            process.pipe.send((function, arguments))

    def wait(self, timeout):
        """Waits until some work has ended.

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
                outcome = Outcome(
                    "died",
                    error=ChildProcessError.__name__,
                    message=process.cause_of_death(),
                )
            else:
                self._idle.append(process)
            ended.append((key, outcome))
        return ended

    def stop(self):
        """Ends all processes at once; what they wrote is complete."""
        for process in (
            *self._idle,
            *(process for process, _ in self._busy.values()),
        ):
            process.end()
        self._busy, self._idle = {}, []

    def _take(self):
        """Returns an idle process that is not worn out, or a new one."""
        while self._idle:
            process = self._idle.pop()
            if process.num_runs < worker.RUNS_PER_PROCESS:
                return process
            process.end()
        with _interrupts_held_back(), _environ(self._environment):
            return _Process()


class _Process:
    """Starts a process that serves, and holds the pipe to it."""

    def __init__(self):
        self.num_runs = 0
        self.pipe, far_end = _SPAWN.Pipe()
        self._process = _SPAWN.Process(
            target=_serve, args=(far_end, sys.argv), daemon=True
        )
        self._process.start()
        # The end of the process must be the end of the pipe.
        far_end.close()

    def end(self):
        """Ends the process at once."""
        self._process.kill()
        self._process.join()
        self.pipe.close()

    def cause_of_death(self):
        """Says how the process has ended."""
        self._process.join()
        self.pipe.close()
        code = self._process.exitcode
        if code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process ended with status {code}"


def _serve(pipe, command):
    """Does the work that comes through a pipe, one piece after another."""
    parent = multiprocessing.parent_process().sentinel
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    worker.start(command)
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
    """Keeps Ctrl-C off a process started inside: its parent will end it.

    One that comes meanwhile is raised at the end, not lost.
    """
    # Starting it would let them through again.
    resource_tracker.ensure_running()
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


@contextlib.contextmanager
def _environ(variables):
    """Sets environment variables for processes started inside."""
    former = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(former)
