"""Writes `oracle.npz`: reference arrays of TensorFlow 2.15 and its addons.

Run it in the environment of `requirements.txt` beside this file; the README
explains the keys.
"""

import math
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tensorflow as tf

ORACLE_PATH = Path(__file__).with_name("oracle.npz")
SIGMAS = (0.5, 1, 2, 3)
ZERO_SUM = np.array(
    [
        [-1, -1, -1, -1, -1],
        [-1, 1, 2, 1, -1],
        [-1, 2, 4, 2, -1],
        [-1, 1, 2, 1, -1],
        [-1, -1, -1, -1, -1],
    ]
)
SEPARABLE = np.outer([-1, 2, 4, 2, -1], [-1, 2, 4, 2, -1])
HORIZONTAL = np.tile([-1, 0, 1], (3, 1))
# Where hue is undefined or wraps: black, white, grey, primaries, secondaries.
EDGE_COLOURS = [
    [[0, 0, 0], [255, 255, 255], [128, 128, 128]],
    [[255, 0, 0], [0, 255, 0], [0, 0, 255]],
    [[0, 255, 255], [255, 0, 255], [255, 255, 0]],
]


def make_images(rng, size):
    """Draws two smooth images with noise, values 0..255.

    Values are quarters of a grey level: not whole, so that a cast to integers
    would show, yet exact in the sums of small whole-numbered kernels.
    """
    row, column = np.mgrid[:size, :size, :1][:2] / size
    frequency = rng.uniform(2, 9, (2, 2, 1, 1, 3))
    phase = rng.uniform(0, 2 * np.pi, (2, 1, 1, 3))
    wave = np.sin(frequency[:, 0] * row + frequency[:, 1] * column + phase)
    images = 127.5 + 90 * wave + rng.normal(0, 25, wave.shape)
    return (np.round(images.clip(0, 255) * 4) / 4).astype("float32")


def make_inputs():
    """Draws every input, always the same."""
    rng = np.random.default_rng(20240531)
    images = make_images(rng, 24)
    images[0, 4:7, 9:12] = EDGE_COLOURS
    flat_images = np.full((2, 8, 8, 3), 100, "float32")
    flat_images[1, 2, 5, 0] += 0.25
    return {
        "images": images,
        "odd_images": make_images(rng, 21),
        "flat_images": flat_images,
        "lrn_input": rng.uniform(0, 50, (2, 6, 6, 16)).astype("float32"),
        "lrn_weights": rng.normal(0, 1, (2, 6, 6, 16)).astype("float32"),
    }


def filter_reflected(images, kernel):
    """Cross-correlates each channel with a square kernel."""
    radius = len(kernel) // 2
    border = [[0, 0], [radius, radius], [radius, radius], [0, 0]]
    padded = tf.pad(images, border, mode="REFLECT")
    kernels = np.repeat(kernel[:, :, None, None], 3, axis=2)
    return tf.nn.depthwise_conv2d(
        padded, kernels.astype("float32"), [1, 1, 1, 1], "VALID"
    )


def thin(images):
    """Halves the width and pads with zeros to the old one."""
    height, width = images.shape[1:3]
    missing = width - width // 2
    left = missing // 2
    resized = tf.image.resize(
        images, [height, width // 2], method="bilinear", antialias=True
    )
    return tf.pad(resized, [[0, 0], [0, 0], [left, missing - left], [0, 0]])


def rotate_hue(images):
    """Adds 180 degrees to the hue, saturation and value as they are."""
    hue, saturation, value = tf.unstack(
        tf.image.rgb_to_hsv(images / 255), axis=-1
    )
    turned = tf.stack([(hue + 0.5) % 1, saturation, value], axis=-1)
    return 255 * tf.image.hsv_to_rgb(turned)


def core_arrays(images, odd_images, flat_images):
    """Computes what TensorFlow itself offers."""
    grey = tf.image.rgb_to_grayscale(images)
    return {
        "grayscale": tf.image.grayscale_to_rgb(grey),
        "hue_rotation": rotate_hue(images),
        "hue_rotation_adjust_hue": 255 * tf.image.adjust_hue(images / 255, 0.5),
        "highpass": filter_reflected(images, ZERO_SUM),
        "highpass_separable": filter_reflected(images, SEPARABLE),
        "horizontal": filter_reflected(images, HORIZONTAL),
        "vertical": filter_reflected(images, HORIZONTAL.T),
        "contrast_inversion": 255 - images,
        "rotate90_rot90": tf.image.rot90(images, k=1),
        "rotate180_rot90": tf.image.rot90(images, k=2),
        "thinning": thin(images),
        "thinning_odd": thin(odd_images),
        "standardize": tf.image.per_image_standardization(images),
        "standardize_flat": tf.image.per_image_standardization(flat_images),
    }


def addons_arrays(images, odd_images):
    """Computes what only tensorflow-addons offers."""
    # Imported here, so that pytest can look for doctests in this file.
    import tensorflow_addons as tfa

    arrays = {
        "rotate90": tfa.image.rotate(images, math.pi / 2, "nearest"),
        "rotate180": tfa.image.rotate(images, math.pi, "nearest"),
        "rotate90_odd": tfa.image.rotate(odd_images, math.pi / 2, "nearest"),
        "hue_rotation_yiq": 255
        * tfa.image.adjust_hsv_in_yiq(images / 255, delta_hue=math.pi),
    }
    for sigma in SIGMAS:
        size = 2 * math.ceil(3 * sigma) + 1
        for suffix, batch in (("", images), ("_odd", odd_images)):
            arrays[f"blur_{sigma}{suffix}"] = tfa.image.gaussian_filter2d(
                batch, filter_shape=size, sigma=sigma, padding="REFLECT"
            )
    return arrays


def normalization_arrays(inputs, weights, name, **constants):
    """Computes local response normalisation and a gradient through it."""
    inputs = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        normalized = tf.nn.local_response_normalization(
            inputs, depth_radius=2, beta=0.75, **constants
        )
        total = tf.reduce_sum(normalized * weights)
    return {
        name: normalized,
        f"{name}_gradient": tape.gradient(total, inputs),
    }


def main():
    """Computes everything and writes it."""
    inputs = make_inputs()
    images, odd_images, flat_images, lrn_input, lrn_weights = inputs.values()
    arrays = {
        **inputs,
        **core_arrays(images, odd_images, flat_images),
        **addons_arrays(images, odd_images),
        **normalization_arrays(
            lrn_input, lrn_weights, "lrn", bias=2, alpha=1e-4
        ),
        **normalization_arrays(
            lrn_input, lrn_weights, "lrn_bias1", bias=1, alpha=2e-5
        ),
    }
    arrays = {
        key: np.asarray(array, "float32") for key, array in arrays.items()
    }
    requirements = ORACLE_PATH.with_name("requirements.txt").read_text()
    arrays["versions"] = installed_versions(requirements)
    np.savez_compressed(ORACLE_PATH, **arrays)


def installed_versions(requirements):
    """Lists the installed version of every required package."""
    lines = requirements.splitlines()
    names = [line.split("==")[0] for line in lines if "==" in line]
    return np.array([f"{name}=={version(name)}" for name in names])


if __name__ == "__main__":
    main()
