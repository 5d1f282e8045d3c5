"""Trains a network with some categories seen transformed, and tests it.

`python run_experiment.py --help` lists the settings.
"""

import sys

from invariance_tf.__main__ import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()
    from invariance_tf.commands.run import run_experiment

    sys.exit(run_experiment())
