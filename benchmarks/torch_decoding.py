"""PyTorch's reading of JPEGs, with Pillow: run by `decoding`."""

import os
import sys

from torch.utils.data import DataLoader

from benchmarks import contest
from benchmarks.decoding import BATCH, Photos


def make_work(directory):
    """Returns a function that reads all images in processes."""
    batches = DataLoader(
        Photos(directory),
        batch_size=BATCH,
        num_workers=os.cpu_count(),
        persistent_workers=True,
    )

    def work():
        for _ in batches:
            pass

    return work


if __name__ == "__main__":
    contest.serve(make_work(sys.argv[1]))
