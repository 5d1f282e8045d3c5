"""Which photo to download next, so that no host is asked too often."""

import collections
import urllib.parse

# After so many photos in a row without an answer from a host, its others are
# left for the next call: lists of this age have thousands of dead hosts.
MAX_SILENT = 3


class Photos:
    """Hands out photos; hosts take turns.

    Rows with the same photo come together, so that it is downloaded once for
    all of its faces.

    aiohttp's own limit per host would not do: a download that waits for its
    turn would hold one of the connections, and the wait would count towards
    its timeout.

    Args:
        rows: List of `Row`.
        per_host: Integer > 0, photos of one host that are out at once.
    """

    def __init__(self, rows, per_host):
        photos = collections.defaultdict(list)
        for row in rows:
            photos[row.url, row.sha256].append(row)
        self._waiting = collections.defaultdict(collections.deque)
        for (url, _), members in photos.items():
            host = urllib.parse.urlsplit(url).hostname
            self._waiting[host].append(members)
        # Every host is in line as often as it may be asked at once.
        self._line = collections.deque([*self._waiting] * per_host)
        self._num_silent = collections.Counter()

    def take(self):
        """Returns the host and the rows of the next photo, or `None`.

        After `None` there may be more, of hosts whose photos are out: they go
        to those who give these back.
        """
        while self._line:
            host = self._line.popleft()
            if self._waiting[host]:
                return host, self._waiting[host].popleft()
        return None

    def give_back(self, host):
        """Allows the next photo of a host to be taken."""
        self._line.append(host)

    def note_silence(self, host, is_silent):
        """Notes whether a host did not answer at all."""
        self._num_silent[host] = (self._num_silent[host] + 1) * is_silent

    def is_silent(self, host):
        """Returns whether a host has not answered for some photos."""
        return self._num_silent[host] >= MAX_SILENT
