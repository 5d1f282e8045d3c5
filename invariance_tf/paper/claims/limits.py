"""The thresholds behind the verdicts; docs/claims.md gives their sources."""

LEVEL = 0.95

# Shares of the categories, of images, of neurons or of an accuracy.
FEW = 0.2
CLOSE_TO_ONE = 0.95
HIGH = 0.9
MAINLY = 0.5
ROBUST = 0.5
INACTIVE_COST = 0.01
SUBSTANTIAL_COST = 0.1
ACTIVE = 0.2
ACTIVE_IMAGES = (0.01, 0.2)
ACTIVE_NEURONS = (0.1, 0.2)

# Invariance coefficients.
SAME_INVARIANCE = 0.05
INVARIANT = 0.5

CORRELATED = 0.5

# In percent of the images.
TOP = 1
WIDE_TOP = 20
