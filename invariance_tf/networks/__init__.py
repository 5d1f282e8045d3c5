"""Networks by name: `get(name)` returns a function from images to logits."""

from invariance_tf.networks import alexnet, inception, resnet18

__all__ = ["NETWORKS", "get"]


def get(name):
    """Returns a network by name.

    A network is a function `network(images, num_categories, **options)` that
    adds layers to the functional model of which `images` is a tensor. It is
    not a model of its own, so that every layer can be reached by its name
    from the model around it.

    Args:
        name: String. One of the keys of `NETWORKS`.

    Returns:
        A function. It takes standardised floating-point images of shape
        `(batch, size, size, 3)` and the number of categories, and returns
        float32 logits of shape `(batch, num_categories)`.

    Raises:
        ValueError: If the name is unknown.

    Example:

    >>> import keras
    >>> images = keras.Input((48, 48, 3))
    >>> logits = get("alexnet_small")(images, num_categories=40)
    >>> logits.shape
    (None, 40)
    >>> keras.Model(images, logits).get_layer("fc6").output.shape
    (None, 256)
    """
    if name not in NETWORKS:
        raise ValueError(
            f"Unknown network. Legal: {', '.join(NETWORKS)}. "
            f"Received: name={name!r}"
        )
    return NETWORKS[name]


NETWORKS = {
    "alexnet": alexnet.alexnet,
    "alexnet_small": alexnet.alexnet_small,
    "resnet18": resnet18.resnet18,
    "inception": inception.inception,
}
