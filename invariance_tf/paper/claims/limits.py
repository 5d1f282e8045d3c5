"""The thresholds behind the verdicts; docs/claims.md gives their sources."""

LEVEL = 0.95

# Shares of the categories, of images, of neurons or of an accuracy.
FEW = 0.2
CLOSE_TO_ONE = 0.95
MAINLY = 0.5
ROBUST = 0.5
INACTIVE_COST = 0.01
LITTLE = 0.1
ACTIVE_IMAGES = (0.01, 0.2)
ACTIVE_NEURONS = (0.1, 0.2)
PRESENT = 0.05

# Invariance coefficients and specialisations.
SAME_INVARIANCE = 0.05
INVARIANT = 0.5
SPECIALISED = 1 / 3

CORRELATED = 0.5
TWICE = (1.5, 2.5)
LARGEST_RATIO = 10

# In percent of the images.
TOP = 1
WIDE_TOP = 20
