"""Networks with lateral recurrence, unrolled over time, and their controls."""

import keras
from keras import layers

from invariance_tf.networks.channels import check_image_size, scale_channels
from invariance_tf.networks.normalization import BatchNormalization


def bl_small(
    images,
    num_categories,
    *,
    weight_decay=0.0,
    connections="BL",
    steps=4,
    readout="last",
    width=1.0,
):
    """Adds a small network of bottom-up and lateral connections, BL.

    With * for a convolution, the state of layer n at time step t is

        h[t, n] = relu(norm[t, n](B[n] * x + L[n] * h[t - 1, n])),

    where x is h[t, n - 1] after max-pooling, in the first layer the image; the
    first step lacks the lateral part. The kernels B and L are those of all
    time steps; batch normalisation has its own statistics and parameters at
    each. The state is the layer `conv<n>_step<t>`. `global_pool` is the
    penultimate layer.

    What is whose:

    - Of Spoerer et al. (2017): kernels of 3 x 3, four time steps, the controls
      BK and BF. Theirs are two layers of 32 channels, local response
      normalisation and a maximum over positions before the read-out. This was
      checked with re-implementations, not with the article.
    - Of the authors' code of Spoerer et al. (2020): maximum pooling between
      layers, normalisation at each step, an average over positions before the
      read-out, no biases, Glorot's uniform initialisation, the control BD.
      Theirs are seven layers with kernels of 7 x 7 to 1 x 1 and eight steps.
    - Ours: four layers of 24, 48, 64 and 64 channels; a single answer, of the
      last step or of the mean over steps, where both of theirs answer, and are
      trained, at each step; the recipe of training.

    `connections` names the network or one of its feed-forward controls:

    | name | what it is | matched to BL in |
    |---|---|---|
    | `BL` | the recurrent network | |
    | `B` | without lateral connections, one step | |
    | `BK` | B with kernels of 5 x 5 | number of weights (1.2 times) |
    | `BF` | B with twice as many channels | number of weights (1.7 times) |
    | `BD` | B with two convolutions a layer | number of weights |
    | `BU` | BL with other kernels at each step | multiplications |

    BU is the feed-forward network that BL is when its weights are not shared
    over time (Liao and Poggio, 2016).

    Args:
        images: Floating-point tensor of shape `(batch, size, size, 3)`,
            standardised, with at least 8 pixels a side.
        num_categories: Integer. Number of logits.
        weight_decay: Float >= 0. The loss gains `weight_decay / 2` times the
            sum of squares of all kernels.
        connections: String, a name of the table.
        steps: Integer. Number of time steps of BL and BU.
        readout: `"last"`: logits are those of the last time step. `"every"`:
            they are the mean over all time steps.
        width: Float > 0. Multiplies the channels of every layer.

    Returns:
        A float32 tensor of logits of shape `(batch, num_categories)`.

    Raises:
        ValueError: If the images are too small or an option is not legal.

    Reference:

    - [Spoerer et al., 2017](https://doi.org/10.3389/fpsyg.2017.01551)
    - [Spoerer et al., 2020](https://doi.org/10.1371/journal.pcbi.1008215)
    - [Liao and Poggio, 2016](https://arxiv.org/abs/1604.03640)

    Example:

    >>> images = keras.Input((32, 32, 3))
    >>> logits = bl_small(images, num_categories=10)
    >>> keras.Model(images, logits).get_layer("conv3_step2").output.shape
    (None, 8, 8, 64)
    """
    check_image_size(images, "bl_small", smallest=8)
    _check(connections=connections, steps=steps, readout=readout)
    kernel = {
        "kernel_size": 5 if connections == "BK" else 3,
        # An instance would draw the same numbers for every layer.
        "kernel_initializer": keras.initializers.GlorotUniform,
        "kernel_regularizer": _decay(weight_decay),
    }
    if connections not in ("BL", "BU"):
        steps = 1
    channels = (24, 48, 64, 64)
    if connections == "BF":
        channels = [2 * number for number in channels]
    states = [images]
    for number, num_channels in enumerate(
        scale_channels(channels, width), start=1
    ):
        if number > 1:
            pool = layers.MaxPooling2D(2, name=f"pool{number - 1}")
            states = [pool(state) for state in states]
        for part in ("", "b") if connections == "BD" else ("",):
            states = _recur(
                states,
                f"conv{number}{part}",
                num_channels,
                steps,
                is_shared=connections != "BU",
                **kernel,
            )
    return _read_out(states, num_categories, readout, weight_decay)


CONNECTIONS = ("BL", "B", "BK", "BF", "BD", "BU")
READOUTS = ("last", "every")


def _check(connections, steps, readout):
    if connections not in CONNECTIONS:
        raise ValueError(
            f"`connections` must be one of {', '.join(CONNECTIONS)}. "
            f"Received: connections={connections!r}"
        )
    if readout not in READOUTS:
        raise ValueError(
            f"`readout` must be {' or '.join(READOUTS)}. "
            f"Received: readout={readout!r}"
        )
    if type(steps) is not int or steps < 1:
        raise ValueError(
            "`steps` counts time steps and must be an integer of at least 1. "
            f"Received: steps={steps!r}"
        )


def _recur(below, name, num_channels, steps, *, is_shared, **kernel):
    """Adds a layer with lateral connections; returns its state at each step.

    Args:
        below: List of tensors, the input at each time step, or one that is
            the same at all of them and is convolved once.
    """

    def convolutions(part):
        """Yields the layer of each time step."""
        options = {"padding": "same", "use_bias": False, **kernel}
        shared = layers.Conv2D(num_channels, name=f"{name}_{part}", **options)
        for step in range(1, steps + 1):
            yield (
                shared
                if is_shared
                else layers.Conv2D(
                    num_channels, name=f"{name}_{part}{step}", **options
                )
            )

    bottom_up = [
        convolution(x)
        for x, convolution in zip(
            below, convolutions("bottom_up"), strict=False
        )
    ]
    states = []
    for step, lateral in enumerate(convolutions("lateral"), start=1):
        x = bottom_up[min(step, len(bottom_up)) - 1]
        if states:
            x = layers.Add(name=f"{name}_add{step}")([x, lateral(states[-1])])
        x = BatchNormalization(name=f"{name}_bn{step}")(x)
        states.append(layers.ReLU(name=f"{name}_step{step}")(x))
    return states


def _read_out(states, num_categories, readout, weight_decay):
    """Adds the dense layer to the last state, or to the mean of all."""
    x = states[-1]
    if readout == "every" and len(states) > 1:
        # The mean of logits is the logits of the mean.
        x = layers.Average(name="mean_state")(states)
    x = layers.GlobalAveragePooling2D(name="global_pool")(x)
    return layers.Dense(
        num_categories,
        kernel_regularizer=_decay(weight_decay),
        dtype="float32",
        name="logits",
    )(x)


def _decay(weight_decay):
    return keras.regularizers.L2(weight_decay / 2) if weight_decay else None


def cornet_small(
    images,
    num_categories,
    *,
    weight_decay=0.0,
    steps=(2, 4, 2),
    width=1.0,
    shares_weights=True,
):
    """Adds a CORnet-S of a quarter of its channels.

    The areas V1, V2, V4 and IT have 16, 32, 64 and 128 channels. V1 is
    feed-forward. The others pass their activity through a bottleneck that is
    four times as wide, two, four and two times, with the same kernels but
    with batch normalisation of its own at each time step; the first time it
    halves the images. The state of an area after a time step is the layer
    `v2_step1`, `v4_step3` or `it_step2`, and `v1` is that of V1.
    `global_pool` is the penultimate layer. With `width` 4 it is CORnet-S.

    With `steps` of 1, 1 and 1 it is a feed-forward control without recurrence.
    With `shares_weights` false it is a feed-forward control of the same
    operations, of which each time step has kernels of its own.

    Convolutions have no bias; their kernels are drawn with a variance of two
    over the fan-out, positions times channels, as the authors' are. All of
    this was checked with the authors' code; the read-out's initialisation
    (Glorot's uniform) and the number of channels are ours.

    Args:
        images: Floating-point tensor of shape `(batch, size, size, 3)`,
            standardised, with at least 32 pixels a side.
        num_categories: Integer. Number of logits.
        weight_decay: Float >= 0. The loss gains `weight_decay / 2` times the
            sum of squares of all kernels.
        steps: Three integers, the time steps of V2, V4 and IT.
        width: Float > 0. Multiplies the channels of every layer.
        shares_weights: Boolean. Whether kernels are those of all time steps.

    Returns:
        A float32 tensor of logits of shape `(batch, num_categories)`.

    Raises:
        ValueError: If the images are too small or an option is not legal.

    Reference:

    - [Kubilius et al., 2018](https://doi.org/10.1101/408385)
    - [Kubilius et al., 2019](https://arxiv.org/abs/1909.06161)

    Example:

    >>> images = keras.Input((64, 64, 3))
    >>> logits = cornet_small(images, num_categories=10)
    >>> keras.Model(images, logits).get_layer("v4_step3").output.shape
    (None, 4, 4, 64)
    """
    check_image_size(images, "cornet_small", smallest=32)
    if len(steps) != 3 or any(type(n) is not int or n < 1 for n in steps):
        raise ValueError(
            "`steps` lists the time steps of V2, V4 and IT, at least 1 each. "
            f"Received: steps={steps}"
        )
    of_v1, *channels = scale_channels((16, 32, 64, 128), width)
    decay = _decay(weight_decay)
    # With "same", the padding of strides would be lopsided.
    x = layers.ZeroPadding2D(3, name="v1_pad1")(images)
    x = _convolution(of_v1, 7, decay, "v1_conv1", strides=2, padding="valid")(x)
    x = _activate(x, "v1_bn1", "v1_relu1")
    x = layers.ZeroPadding2D(1, name="v1_pad2")(x)
    x = layers.MaxPooling2D(3, strides=2, name="v1_pool")(x)
    x = _convolution(of_v1, 3, decay, "v1_conv2")(x)
    x = _activate(x, "v1_bn2", "v1")
    for name, num_channels, num_steps in zip(
        ("v2", "v4", "it"), channels, steps, strict=True
    ):
        x = _area(x, num_channels, num_steps, shares_weights, decay, name)
    return _read_out([x], num_categories, "last", weight_decay)


def _area(x, num_channels, num_steps, is_shared, decay, name):
    """Adds an area of CORnet-S; returns its state after the last step."""
    wide = 4 * num_channels
    x = _convolution(num_channels, 1, decay, f"{name}_input")(x)
    for step in range(1, num_steps + 1):
        if step == 1 or not is_shared:
            suffix = "" if is_shared else f"_{step}"
            conv1, conv2, conv3 = (
                _convolution(
                    number, size, decay, f"{name}_conv{position}{suffix}"
                )
                for position, (number, size) in enumerate(
                    ((wide, 1), (wide, 3), (num_channels, 1)), start=1
                )
            )
        shortcut = x
        if step == 1:
            shortcut = _convolution(
                num_channels, 1, decay, f"{name}_shortcut", strides=2
            )(x)
            shortcut = BatchNormalization(name=f"{name}_shortcut_bn")(shortcut)
        inner = _activate(
            conv1(x), f"{name}_bn1_{step}", f"{name}_relu1_{step}"
        )
        inner = conv2(inner)
        if step == 1:
            # A convolution with strides is one without, of which every second
            # position is kept: the layer's weights serve both.
            inner = layers.MaxPooling2D(1, strides=2, name=f"{name}_half")(
                inner
            )
        inner = _activate(inner, f"{name}_bn2_{step}", f"{name}_relu2_{step}")
        inner = BatchNormalization(name=f"{name}_bn3_{step}")(conv3(inner))
        x = layers.Add(name=f"{name}_add{step}")([inner, shortcut])
        x = layers.ReLU(name=f"{name}_step{step}")(x)
    return x


def _activate(x, norm_name, name):
    return layers.ReLU(name=name)(BatchNormalization(name=norm_name)(x))


def _convolution(num_channels, size, decay, name, strides=1, padding="same"):
    return layers.Conv2D(
        num_channels,
        size,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(
            2.0, mode="fan_out", distribution="untruncated_normal"
        ),
        kernel_regularizer=decay,
        name=name,
    )
