"""Networks by name: `get(name)` returns a function from images to logits."""

# They register their layers with Keras.
from invariance_tf.networks import (
    alexnet,
    convnext,
    inception,
    recurrent,
    resnet18,
    vit,
)
from invariance_tf.settings import names

__all__ = [
    "alexnet",
    "convnext",
    "get",
    "inception",
    "recurrent",
    "resnet18",
    "vit",
]


def get(name):
    """Returns a network by name.

    A network is a function `network(images, num_categories, **options)` that
    adds layers to the functional model of which `images` is a tensor. It is
    not a model of its own, so that every layer can be reached by its name
    from the model around it.

    Args:
        name: String. One of the keys of `settings.defaults.NETWORKS`, or of
            your own: the name of an entry point, or `module:function`.

    Returns:
        A function. It takes standardised floating-point images of shape
        `(batch, size, size, 3)` and the number of categories, and returns
        float32 logits of shape `(batch, num_categories)`.

    Raises:
        ValueError: If the name is unknown or cannot be imported.

    Example:

    >>> import keras
    >>> images = keras.Input((48, 48, 3))
    >>> logits = get("alexnet_small")(images, num_categories=40)
    >>> logits.shape
    (None, 40)
    >>> keras.Model(images, logits).get_layer("fc6").output.shape
    (None, 256)
    """
    return names.load("network", name)
