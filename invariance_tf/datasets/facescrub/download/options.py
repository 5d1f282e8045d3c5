"""How to prepare the faces."""

import dataclasses
import math

from invariance_tf.datasets.images.selection import check_integer


@dataclasses.dataclass(frozen=True)
class Options:
    """Says how to download and to crop.

    Attributes:
        out_dir: Path of the directory to write to.
        size: Integer from 16 to 1024. Height and width of the crops, in
            pixels.
        allow_changed: Boolean. Keep images whose hash is not the one in the
            list.
        retry: Boolean. Retry what failed for good.
        originals_dir: Path of the directory to keep the photos in, and to
            take them from before any download, or `None`.
        connections: Integer from 1 to 256. Simultaneous downloads.
        per_host: Integer > 0. Simultaneous downloads from one host.
        retries: Integer from 0 to 10. Retries of a download without an
            answer, each after a longer pause.
        timeout: Float > 0. Seconds for one attempt.
        allow_private: Boolean. Connect to private addresses too.

    Raises:
        ValueError: If a value is not legal.
    """

    out_dir: str
    size: int = 100
    allow_changed: bool = False
    retry: bool = False
    originals_dir: str | None = None
    connections: int = 32
    per_host: int = 2
    retries: int = 2
    timeout: float = 60.0
    allow_private: bool = False

    def __post_init__(self):
        check_integer("size", self.size, 16, 1024)
        check_integer("connections", self.connections, 1, 256)
        check_integer("per_host", self.per_host, 1)
        check_integer("retries", self.retries, 0, 10)
        if not 0 < self.timeout < math.inf:
            raise ValueError(
                "`timeout` is a number of seconds above 0. "
                f"Received: timeout={self.timeout}"
            )
