"""The settings of experiments; nothing here imports TensorFlow."""
