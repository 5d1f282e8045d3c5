"""The program `invariance-tf`, and `python -m invariance_tf`."""

import os
import signal
import sys


def main(program="invariance-tf"):
    """Runs the command line; returns the exit status."""
    end_on_interrupt()
    from invariance_tf.commands.cli import main as run_command

    return run_command(program=program)


def end_on_interrupt():
    """Makes Ctrl-C end the program at once and quietly.

    Until a command takes over: what is imported first takes half a second, and
    would end in a traceback.
    """

    def end(number, frame):
        os.write(2, b"\nInterrupted.\n")
        os._exit(130)

    signal.signal(signal.SIGINT, end)


if __name__ == "__main__":
    sys.exit(main(program="python -m invariance_tf"))
