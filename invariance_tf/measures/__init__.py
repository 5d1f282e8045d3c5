"""Arrays or any Keras model in, numbers out."""
