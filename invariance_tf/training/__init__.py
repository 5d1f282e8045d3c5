"""Fitting a model, on one device or several, and seeing that it learns."""

from invariance_tf.training.fitting import (
    ResNetSchedule,
    compile_model,
    fit,
    make_schedule,
)
from invariance_tf.training.learning import LearningWatch, NotLearningError
from invariance_tf.training.statistics import estimate_statistics, is_short

__all__ = [
    "LearningWatch",
    "NotLearningError",
    "ResNetSchedule",
    "compile_model",
    "estimate_statistics",
    "fit",
    "is_short",
    "make_schedule",
]
