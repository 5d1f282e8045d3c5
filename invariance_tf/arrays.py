"""Images and labels as people have them, checked and made NumPy arrays.

Neither TensorFlow nor PyTorch is imported: their tensors and data sets are
recognised by what they can do.
"""

import numbers

import numpy as np

from invariance_tf.memory import find_memory

# Images looked at together, so that a memory map is never read whole.
_CHUNK = 256

_SHAPE = "(num_images, height, width, channels)"


def read_images(
    images, labels=None, *, num_images=None, value_range=None, name="images"
):
    """Reads images, with their labels, and checks both.

    Args:
        images: Array, memory map, tensor (TensorFlow, PyTorch, JAX) or list of
            arrays, of shape `(num_images, height, width, channels)` with 1 or
            3 channels; or what yields such images one by one or in batches: a
            `tf.data.Dataset`, a `keras.utils.PyDataset` or an iterator. Its
            elements are images, pairs of images and labels, or dictionaries
            with "image" and perhaps "label".
        labels: Labels, see `read_labels`. `None` means those that come with
            the images, if any.
        num_images: Integer > 0: the most images to read, or `None` for all.
            Needed where the images would never end, and where what yields them
            takes more than half of the memory.
        value_range: Pair of numbers between which all values lie. `None`
            means 0 to 255, and refuses images that lie between 0 and 1 or
            between -1 and 1, since they have most likely been rescaled.
        name: String, what an error calls the images.

    Returns:
        Images as an array or memory map of that shape (images that are decoded
        when they are indexed stay so), and labels as an integer array of shape
        `(num_images,)`, or `None`.

    Raises:
        TypeError: If these are not images.
        ValueError: If shape, values or labels are not as described.

    Example:

    >>> images, labels = read_images(
    ...     np.full((3, 8, 8, 1), 200.0), ["cat", "dog", "cat"]
    ... )
    >>> images.shape, labels
    ((3, 8, 8, 1), array([0, 1, 0]))
    """
    if num_images is not None and not _is_count(num_images):
        raise ValueError(
            "`num_images` must be a positive integer. Received: "
            f"num_images={num_images!r}"
        )
    images, own_labels = _collect(images, num_images, name)
    if num_images is not None and num_images < len(images):
        if hasattr(images, "take_records"):
            images = images.take_records(np.arange(num_images))
        else:
            images = images[:num_images]
        own_labels = None if own_labels is None else own_labels[:num_images]
    check_shape(images.shape, name)
    _check_type(images.dtype, name)
    check_values(images, value_range, name)
    labels = own_labels if labels is None else labels
    if labels is not None:
        labels = read_labels(labels, len(images))
    return images, labels


def read_labels(labels, num_images, names=None):
    """Reads one label for each image.

    Args:
        labels: Array, tensor or list with one label for each image: integers
            >= 0; strings, numbered in their alphabetical order; or rows of
            zeros and a single one (one-hot).
        num_images: Integer, how many images there are.
        names: Sequence of all strings that are legal, which are then numbered
            in this order; or `None`.

    Returns:
        Integer array of shape `(num_images,)`, >= 0.

    Raises:
        ValueError: If there are more or fewer, or they are not labels.

    Example:

    >>> read_labels(["dog", "cat", "dog"], 3)
    array([1, 0, 1])
    >>> read_labels(["dog", "cat", "dog"], 3, names=["dog", "cat"])
    array([0, 1, 0])
    >>> read_labels([[0, 0, 1], [1, 0, 0]], 2)
    array([2, 0])
    """
    labels = as_array(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape[:1] != (num_images,) or labels.ndim > 2:
        raise ValueError(
            f"`labels` must have one label for each of {num_images} images. "
            f"Received: shape={labels.shape}"
        )
    if labels.ndim == 2:
        is_row_one_hot = np.sort(labels, axis=1)[:, ::-1] == np.eye(
            1, labels.shape[1]
        )
        if not is_row_one_hot.all():
            raise ValueError(
                "`labels` with a row for each image must be one-hot: a single "
                f"1 in each row, else 0. Received: {_preview(labels)}"
            )
        return labels.argmax(axis=1)
    if labels.dtype.kind in "OSTU":
        labels = _as_strings(labels)
    if labels.dtype.kind == "U":
        return _number(labels, names)
    is_whole = labels.dtype.kind in "biuf" and np.array_equal(
        labels, np.trunc(labels)
    )
    # Larger ones are no int64.
    if not is_whole or not np.all((labels >= 0) & (labels < 2**63)):
        raise ValueError(
            "`labels` must be integers >= 0, strings or one-hot rows. "
            f"Received: {_preview(labels)}"
        )
    return labels.astype(int)


def as_array(values):
    """Returns values as a NumPy array: tensors from a device, lists stacked.

    What reads images when it is indexed stays as it is.
    """
    if hasattr(values, "take_records"):
        return values
    if hasattr(values, "detach"):  # PyTorch
        values = values.detach().cpu()
    if isinstance(values, list | tuple):
        values = [as_array(value) for value in values]
    array = values if isinstance(values, np.ndarray) else np.asarray(values)
    # NumPy takes 16 bits of another library for bytes without a meaning.
    return array.astype("float32") if array.dtype.name == "bfloat16" else array


def check_shape(shape, name="images"):
    """Raises a `ValueError` unless this is the shape of images."""
    shape = tuple(shape)
    hint = ""
    if len(shape) == 3 and shape[-1] in (1, 3):
        hint = f" A single image: pass {name}[np.newaxis]."
    elif len(shape) == 3:
        hint = f" Without channels: pass {name}[..., np.newaxis]."
    if len(shape) != 4 or 0 in shape:
        raise ValueError(
            f"`{name}` must have the shape {_SHAPE}, with at least one image."
            f" Received: shape={shape}.{hint}"
        )
    if shape[3] in (1, 3):
        return
    if shape[1] in (1, 3):
        hint = f" Channels come last: pass np.moveaxis({name}, 1, -1)."
    elif shape[3] == 4:
        hint = f" To leave out transparency: pass {name}[..., :3]."
    raise ValueError(
        f"`{name}` must have 1 or 3 channels in the last axis: {_SHAPE}. "
        f"Received: shape={shape}.{hint}"
    )


def check_values(images, value_range=None, name="images"):
    """Raises a `ValueError` unless all values are finite and in the range."""
    low, high = _check_range(value_range)
    if hasattr(images, "take_records"):  # decoded, so from 0 to 255
        return
    if images.dtype == "uint8" and (low, high) == (0, 255):
        # A look at some is enough to see that they were not divided by 255.
        if images[:: -(-len(images) // 64)].max() > 1:
            return
    least, largest = _extremes(images)
    received = f"Received: minimum={least:.4g}, maximum={largest:.4g}"
    if not np.isfinite([least, largest]).all():
        raise ValueError(f"`{name}` must have finite values. {received}")
    # Rounding, as of float32.
    slack = 1e-5 * (high - low)
    if value_range is None and -1 <= least and largest <= 1:
        if least or largest:
            found = "-1 and 1" if least < 0 else "0 and 1"
            as_pair = found.replace(" and", ",")
            raise ValueError(
                f"`{name}` must have values from 0 to 255, but all lie between "
                f"{found}. Rescale them, or declare value_range=({as_pair}) to "
                f"`measure_invariance` or `Responses`. {received}"
            )
    elif least < low - slack or largest > high + slack:
        raise ValueError(
            f"`{name}` must have values from {low:g} to {high:g}: pass images "
            "as they were before any preprocessing (which `preprocess` is "
            f"for), or declare their `value_range`. {received}"
        )


def _check_range(value_range):
    if value_range is None:
        return 0, 255
    pair = np.asarray(value_range)
    is_pair = pair.shape == (2,) and pair.dtype.kind in "iuf"
    if not is_pair or not np.isfinite(pair).all() or pair[0] >= pair[1]:
        raise ValueError(
            "`value_range` must be two numbers, the lowest and the highest "
            "value that an image can have, such as (0, 1). Received: "
            f"value_range={value_range!r}"
        )
    return tuple(pair.tolist())


def _extremes(images):
    """Returns the least and the largest value; nan if there is one."""
    chunks = range(0, len(images), _CHUNK)
    pairs = [
        (chunk.min(), chunk.max())
        for chunk in (images[start : start + _CHUNK] for start in chunks)
    ]
    least, largest = np.array(pairs, "float64").T
    return least.min(), largest.max()


def _check_type(dtype, name):
    if np.dtype(dtype).kind not in "iuf":
        raise TypeError(
            f"`{name}` must be numbers from 0 to 255. Received: dtype={dtype}"
        )


def _collect(images, num_images, name):
    """Returns images, and the labels that come with them or `None`."""
    if hasattr(images, "images") and hasattr(images, "is_test"):
        raise TypeError(
            "Pass a data set's images and labels separately, for example "
            "dataset.images[dataset.is_test]. Received: "
            f"{name}={type(images).__name__}"
        )
    if hasattr(images, "shape") or isinstance(images, list | tuple):
        try:
            return as_array(images), None
        except ValueError as error:
            raise ValueError(
                f"`{name}` must all have the same size: {error}"
            ) from error
    found, labels, count, num_bytes = [], [], 0, 0
    # To join what was read takes as much again.
    most = find_memory() // 2
    for element in _elements(images, num_images, name):
        batch, of_batch = _split(element, name)
        if batch.ndim == 3:
            batch = batch[np.newaxis]
            of_batch = None if of_batch is None else of_batch[np.newaxis]
        _check_batch(batch, of_batch, labels, name)
        found.append(batch)
        labels.append(of_batch)
        count += len(batch)
        num_bytes += batch.nbytes
        if num_images is not None and count >= num_images:
            break
        if num_images is None and num_bytes > most:
            raise ValueError(
                f"`{name}` may never end: {count} images take half of the "
                "memory. Say with `num_images` how many to read. Received: "
                f"num_images=None, {name}={type(images).__name__}"
            )
    if not found:
        raise ValueError(f"`{name}` has no elements: at least one is needed.")
    shapes = {batch.shape[1:] for batch in found}
    if len(shapes) > 1:
        raise ValueError(
            f"`{name}` must all have the same size: resize them. Received: "
            f"shapes={sorted(shapes)[:3]}"
        )
    has_labels = labels[0] is not None
    return np.concatenate(found), np.concatenate(labels) if has_labels else None


def _check_batch(batch, labels, former, name):
    """Raises unless a batch has a label for each image, or none as others."""
    if former and (labels is None) != (former[0] is None):
        raise ValueError(
            f"`{name}` must have labels in all elements or in none. Received: "
            f"{len(former)} elements, then one that differs"
        )
    if labels is not None and labels.shape[:1] != (len(batch),):
        raise ValueError(
            f"`{name}` must have one label for each image of an element. "
            f"Received: {len(batch)} images, labels of shape {labels.shape}"
        )


def _elements(images, num_images, name):
    """Iterates over what yields images or batches; refuses what never ends."""
    is_endless = False
    if hasattr(images, "num_batches"):  # keras.utils.PyDataset
        is_endless = images.num_batches is None
    elif hasattr(images, "cardinality"):  # tf.data.Dataset
        is_endless = int(images.cardinality()) == -1
    elif hasattr(images, "__next__"):
        is_endless = True
    elif not hasattr(images, "__iter__") or isinstance(images, str | bytes):
        raise TypeError(
            f"`{name}` must be an array of the shape {_SHAPE}, a tensor or a "
            f"data set. Received: {name}={images!r:.60}"
        )
    if is_endless and num_images is None:
        raise ValueError(
            f"`{name}` may never end: say with `num_images` how many to read. "
            f"Received: num_images=None, {name}={type(images).__name__}"
        )
    if hasattr(images, "num_batches") and not is_endless:
        # As a plain sequence it would be read beyond its end.
        return (images[index] for index in range(images.num_batches))
    return iter(images)


def _split(element, name):
    """Splits an element of a data set into arrays of images and labels."""
    labels = None
    if isinstance(element, tuple | list):
        element, labels = (*element, None)[:2]
    if isinstance(element, dict):
        images = _find(element, ("image", "images"))
        if labels is None:
            labels = _find(element, ("label", "labels"))
        if images is None:
            raise ValueError(
                f"`{name}` with dictionaries must have the key image. "
                f"Received: keys={[*element]}"
            )
        element = images
    images = as_array(element)
    if images.ndim not in (3, 4):
        raise ValueError(
            f"`{name}` must yield images of shape (height, width, channels), "
            f"or batches of them. Received: shape={images.shape}"
        )
    return images, None if labels is None else as_array(labels)


def _find(element, keys):
    return next((element[key] for key in keys if key in element), None)


def _as_strings(labels):
    """Returns an array of strings, or of integers, from one of any objects."""
    texts = [
        label.decode(errors="surrogateescape")
        if isinstance(label, bytes)
        else label
        for label in labels
    ]
    if all(isinstance(text, str) for text in texts):
        return np.array(texts, str)
    if all(isinstance(text, numbers.Integral) for text in texts):
        return np.array(texts, int)
    raise ValueError(
        "`labels` must be integers >= 0, strings or one-hot rows. "
        f"Received: {_preview(labels)}"
    )


def _number(texts, names):
    """Returns the number of each text in `names`, or in alphabetical order."""
    found, labels = np.unique(texts, return_inverse=True)
    if names is None:
        return labels
    place = {name: number for number, name in enumerate(names)}
    for text in found.tolist():
        if text not in place:
            raise ValueError(
                "`labels` must be names in `categories`, or their indices. "
                f"Received: label={text!r}"
            )
    return np.array([place[text] for text in found.tolist()], int)[labels]


def _is_count(value):
    is_integer = isinstance(value, numbers.Integral)
    return is_integer and not isinstance(value, bool) and value > 0


def _preview(labels):
    """Returns the type and the first labels, for a message."""
    first = np.array2string(labels[:3], separator=", ").replace("\n", "")
    return f"dtype={labels.dtype}, first={first}"
