"""What can become of a row of the lists."""

from invariance_tf import foreign

# From a fate to what it means, in the order of the table at the end.
FATES = {
    "ok": "written",
    "changed": "written, though the file is not the one in the list",
    "duplicate": "the identity already has this face or these pixels",
    "excluded": "in a list of faces to leave out",
    "dead link": "the file is no longer at this address",
    "hash mismatch": "an image, but not the one in the list",
    "not an image": "a web page, a damaged file or another format",
    "box outside": "the face's box is not wholly inside the image",
    "too large": "more bytes or pixels than any photo needs",
    "refused": "the address leads out of the public web",
    "unreachable": "no answer; run the same command again",
    "pending": "not tried yet; run the same command again",
    "bad row": "the row cannot be used",
}
WRITTEN = ("ok", "changed")
# Fates that the same command tries to improve; the others take --retry.
TEMPORARY = ("unreachable", "pending")
PERMANENT = (
    "dead link",
    "hash mismatch",
    "not an image",
    "box outside",
    "too large",
    "refused",
)


class Failure(Exception):
    """Says why there is no crop for a row.

    Args:
        fate: String, one of the keys of `FATES`.
        detail: String, what exactly happened.
    """

    def __init__(self, fate, detail):
        super().__init__(detail)
        self.fate = fate
        # Hosts and damaged files can put anything into a message.
        self.detail = foreign.one_line(detail)
