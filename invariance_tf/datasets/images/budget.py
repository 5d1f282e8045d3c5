"""Bounds the memory of images that are decoded at the same time."""

import contextlib
import threading

from invariance_tf.memory import find_memory

# What Pillow needs at most for a pixel: the image as it is stored, turned
# upright, cropped, and in RGB, four bytes each.
BYTES_PER_PIXEL = 16


class Budget:
    """Hands out memory; who wants more than is left waits.

    Args:
        total: Integer, bytes. Who wants more than this gets all of it.
    """

    def __init__(self, total):
        self._total = self._left = total
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def taken(self, num_bytes):
        """Holds memory for as long as the block takes.

        Args:
            num_bytes: Integer.
        """
        num_bytes = min(num_bytes, self._total)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= num_bytes)
            self._left -= num_bytes
        try:
            yield
        finally:
            with self._changed:
                self._left += num_bytes
                self._changed.notify_all()


# Of all threads of this process together.
DECODING = Budget(find_memory() // 4)
