"""The paradigm of section 2.1: which images are transformed, and the model."""
