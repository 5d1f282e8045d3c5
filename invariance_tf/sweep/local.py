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
from multiprocessing import connection

from invariance_tf.sweep import worker
from invariance_tf.sweep.worker import Outcome

_SPAWN = multiprocessing.get_context("spawn")


class LocalEngine:
    """Hands work to processes of this machine and starts dead ones anew.

    Args:
        jobs: Integer, number of processes.
        num_threads: Integer, threads of each.
        log_path: Path of the file for what the processes say.
    """

    def __init__(self, jobs, num_threads, log_path):
        self.num_slots = jobs
        self._environment = worker.environment(num_threads)
        self._log_path = os.path.abspath(log_path)
        self._idle = []
        # From a connection to (process, key of its work).
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
        process, pipe = self._idle.pop() if self._idle else self._spawn()
        self._busy[pipe] = process, key
        # One that has died unnoticed is found by `wait`.
        with contextlib.suppress(BrokenPipeError):
            pipe.send((function, arguments))

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
                self._idle.append((process, pipe))
            except (EOFError, ConnectionResetError):
                process.join()
                pipe.close()
                outcome = Outcome("died", message=_cause(process.exitcode))
            ended.append((key, outcome))
        return ended

    def stop(self):
        """Ends all processes at once; what they wrote is complete."""
        workers = [
            *((process, pipe) for pipe, (process, _) in self._busy.items()),
            *self._idle,
        ]
        for process, _ in workers:
            process.kill()
        for process, pipe in workers:
            process.join()
            pipe.close()
        self._busy, self._idle = {}, []

    def _spawn(self):
        """Starts a process; returns it with the pipe to it."""
        pipe, far_end = _SPAWN.Pipe()
        process = _SPAWN.Process(
            target=_serve,
            args=(far_end, self._log_path, sys.argv),
            daemon=True,
        )
        with _ignoring_interrupts(), _environ(self._environment):
            process.start()
        # The end of the process must be the end of the pipe.
        far_end.close()
        return process, pipe


def _serve(pipe, log_path, command):
    """Does the work that comes through a pipe, one piece after another."""
    parent = multiprocessing.parent_process().sentinel
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    worker.start(log_path, command)
    while True:
        function, arguments = pipe.recv()
        pipe.send(worker.attempt(function, *arguments))


def _die_with(parent):
    """Ends this process as soon as its parent has ended."""
    connection.wait([parent])
    os._exit(1)


def _cause(exit_code):
    """Says how a process ended."""
    if exit_code is not None and exit_code < 0:
        return f"its process was ended by {signal.Signals(-exit_code).name}"
    return f"its process ended with status {exit_code}"


@contextlib.contextmanager
def _ignoring_interrupts():
    """A process started inside is never interrupted by Ctrl-C."""
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


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
