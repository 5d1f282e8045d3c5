"""The claims, each with the effects that its verdict rests on."""

import math

# One form for all effects, so that they can be compared; no minus zero.
FORM = "z.3f"


def describe_effects(verdicts):
    """Describes verdicts for the table of claims.

    Args:
        verdicts: List of `claims.Verdict`.

    Returns:
        List of pairs of a verdict and its effects: a dictionary from the name
        of an effect to a list of rows, each a dictionary as `Verdict.detail`
        with claimed, the claimed range in words.
    """
    described = []
    for verdict in verdicts:
        effects = {}
        for row in verdict.detail.to_dict("records"):
            row["claimed"] = claimed_range(row["least"], row["most"])
            effects.setdefault(row["effect_name"], []).append(row)
        described.append((verdict, effects))
    return described


def claimed_range(least, most):
    """Describes which effects a claim allows.

    Example:

    >>> claimed_range(0, math.inf), claimed_range(1.5, 2.5)
    ('above 0', '1.5 to 2.5')
    >>> claimed_range(-math.inf, 0.01), claimed_range(-math.inf, math.inf)
    ('below 0.01', 'any')
    """
    if math.isinf(least) and math.isinf(most):
        return "any"
    if math.isinf(most):
        return f"above {least:g}"
    if math.isinf(least):
        return f"below {most:g}"
    return f"{least:g} to {most:g}"
