"""Which categories are seen transformed: nested sets (Appendix B)."""

import numbers

import numpy as np


def seen_categories(num_categories, n_seen, seed, number=0):
    """Draws the categories that are seen transformed during training.

    Each seed has one shuffled order of the categories, whose first `n_seen`
    are the set. So a larger set contains every smaller one of the same seed,
    as in the paper (Appendix B, Datasets). The next `n_seen` are the set of a
    second transformation that is to have others, and so on.

    Args:
        num_categories: Integer > 0.
        n_seen: Integer from 0 (no category, never transformed) to
            `num_categories` (all of them).
        seed: Integer >= 0, determines the order.
        number: Integer >= 0, the transformation's.

    Returns:
        Boolean array of shape `(num_categories,)`.

    Raises:
        ValueError: If `n_seen` is no integer or out of range.

    Example:

    >>> few, many = (seen_categories(10, n, seed=1) for n in (3, 7))
    >>> int(few.sum()), int(many.sum()), bool(many[few].all())
    (3, 7, True)
    """
    is_whole = isinstance(n_seen, numbers.Integral)
    if not is_whole or not 0 <= n_seen <= num_categories:
        raise ValueError(
            "`n_seen` counts the categories seen transformed and must be an "
            f"integer from 0 to {num_categories}, the number of categories. "
            f"Received: n_seen={n_seen}"
        )
    if n_seen * (number + 1) > num_categories:
        raise ValueError(
            f"{number + 1} transformations cannot have {n_seen} categories "
            f"each, of {num_categories}, without sharing them (seen_sets="
            f"disjoint). Received: n_seen={n_seen}"
        )
    # NumPy may change its shuffling, but never the raw bits of a generator.
    bits = np.random.PCG64(np.random.SeedSequence(seed))
    order = np.argsort(bits.random_raw(num_categories), kind="stable")
    is_seen = np.zeros(num_categories, bool)
    is_seen[order[n_seen * number :][:n_seen]] = True
    return is_seen
