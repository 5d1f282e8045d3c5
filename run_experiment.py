"""Trains a network with some categories seen transformed, and tests it.

`python run_experiment.py --help` lists the settings.
"""

import sys

from invariance_tf.commands.run import run_experiment

if __name__ == "__main__":
    sys.exit(run_experiment())
