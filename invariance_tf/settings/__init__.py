"""What an experiment is, without importing TensorFlow."""
