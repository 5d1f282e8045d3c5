"""Fitting a model, on one device or several."""

from invariance_tf.training.fitting import (
    ResNetSchedule,
    compile_model,
    fit,
    make_schedule,
)

__all__ = ["ResNetSchedule", "compile_model", "fit", "make_schedule"]
