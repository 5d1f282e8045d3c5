"""Makes `python -m invariance_tf` the command line."""

import sys

from invariance_tf.commands.cli import main

if __name__ == "__main__":
    sys.exit(main(program="python -m invariance_tf"))
