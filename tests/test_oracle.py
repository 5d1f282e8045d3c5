"""Compares the package with arrays of TensorFlow 2.15 and its addons.

`oracle/README.md` says where they come from. Where the addons are installed,
they also run here, on other images.
"""

import importlib.util
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest

from invariance_tf import transforms
from invariance_tf.networks.alexnet import LocalResponseNormalization
from invariance_tf.paradigm.model import Standardize

ORACLE_DIR = Path(__file__).with_name("oracle")
with np.load(ORACLE_DIR / "oracle.npz", allow_pickle=False) as archive:
    ORACLE = dict(archive)

INPUTS = {"images", "odd_images", "flat_images", "lrn_input", "lrn_weights"}

# What the comparison shows: key of the oracle, transform, its arguments.
TRANSFORMED = {
    "grey is the luma of tensorflow": ("grayscale", "grayscale", {}),
    "hue turns by half in HSV": ("hue_rotation", "hue_rotation", {}),
    "hue turns as by adjust_hue": (
        "hue_rotation_adjust_hue",
        "hue_rotation",
        {},
    ),
    "high-pass has the zero-sum kernel": ("highpass", "highpass", {}),
    "high-pass has the separable kernel if asked": (
        "highpass_separable",
        "highpass",
        {"kernel": "separable"},
    ),
    "horizontal has rows -1 0 1": ("horizontal", "horizontal", {}),
    "vertical has columns -1 0 1": ("vertical", "vertical", {}),
    "inversion counts from 255": (
        "contrast_inversion",
        "contrast_inversion",
        {},
    ),
    "90 degrees are anti-clockwise": ("rotate90", "rotate90", {}),
    "90 degrees of odd images": ("rotate90_odd", "rotate90", {}),
    "90 degrees are one rot90": ("rotate90_rot90", "rotate90", {}),
    "180 degrees are a half turn": ("rotate180", "rotate180", {}),
    "180 degrees are two rot90": ("rotate180_rot90", "rotate180", {}),
    "thinning is antialiased": ("thinning", "thinning", {}),
    "thinning rounds odd widths down": ("thinning_odd", "thinning", {}),
} | {
    f"blur of sigma {sigma} is that of the addons{suffix}": (
        f"blur_{sigma}{suffix}",
        "blur",
        {"sigma": float(sigma)},
    )
    for sigma in (0.5, 1, 2, 3)
    for suffix in ("", "_odd")
}
OF_ADDONS = {
    shown: case
    for shown, case in TRANSFORMED.items()
    if case[0].split("_")[0] in ("blur", "rotate90", "rotate180")
    and not case[0].endswith("_rot90")
}
# Key: input, absolute tolerance. Values are of size 1, hence 1e-5. In the
# flat images a deviation is divided by the floor 1 / sqrt(192), so that the
# spacing of float32 at 100, 7.6e-6, becomes 1.1e-4: once for each mean.
STANDARDIZED = {
    "standardize": ("images", 1e-5),
    "standardize_flat": ("flat_images", 2.2e-4),
}
NORMALIZED = {
    "lrn": {"radius": 2, "bias": 2.0, "alpha": 1e-4, "beta": 0.75},
    "lrn_bias1": {"radius": 2, "bias": 1.0, "alpha": 2e-5, "beta": 0.75},
}


def check_transform(key, name, arguments, arrays):
    """Applies a transform to the images among arrays; compares with a key."""
    images = arrays["odd_images" if key.endswith("_odd") else "images"]
    layer = transforms.get(name, **arguments)
    transformed = layer(images, np.array([True, True]))
    transformed = keras.ops.convert_to_numpy(transformed)
    assert transformed.dtype == np.float32
    # A thousandth of a grey level: the spacing of float32 at 255 is 1.5e-5,
    # and the addons' blur, the longest sum, is 2.2e-4 from one in float64.
    # The 5x5 kernels reach 9702, but all of their sums are exact quarters.
    np.testing.assert_allclose(transformed, arrays[key], rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    "key, name, arguments", TRANSFORMED.values(), ids=TRANSFORMED
)
def test_a_transform_equals_its_reference(key, name, arguments):
    check_transform(key, name, arguments, ORACLE)


@pytest.fixture(scope="session")
def live():
    """Arrays as those of the oracle, made now from other images."""
    spec = importlib.util.find_spec("tensorflow_addons")
    if spec is None:
        pytest.skip("needs the extra `addons` (Python 3.11)")
    before = {*sys.modules}
    # All of the addons needs Keras 2; what makes these arrays needs only the
    # name of one class. So their package is an empty one, at the same place.
    addons = types.ModuleType("tensorflow_addons")
    addons.__path__ = spec.submodule_search_locations
    engine = types.ModuleType("keras.src.engine")
    engine.keras_tensor = types.ModuleType("keras.src.engine.keras_tensor")
    engine.keras_tensor.KerasTensor = keras.KerasTensor
    with pytest.MonkeyPatch.context() as patch:
        for module in (addons, engine, engine.keras_tensor):
            patch.setitem(sys.modules, module.__name__, module)
        # Their compiled operations are those of TensorFlow 2.15.
        patch.setenv("TF_ADDONS_PY_OPS", "1")
        patch.syspath_prepend(ORACLE_DIR)
        make_oracle = importlib.import_module("make_oracle")
        importlib.import_module("tensorflow_addons.image")
        rng = np.random.default_rng(1)
        inputs = {
            "images": make_oracle.make_images(rng, 32),
            "odd_images": make_oracle.make_images(rng, 27),
        }
        arrays = make_oracle.addons_arrays(**inputs)
    for name in {*sys.modules} - before:
        if name.startswith("tensorflow_addons"):
            del sys.modules[name]
    return {**inputs, **arrays}


@pytest.mark.addons
@pytest.mark.parametrize(
    "key, name, arguments", OF_ADDONS.values(), ids=OF_ADDONS
)
def test_a_transform_equals_the_addons_run_beside_it(
    key, name, arguments, live
):
    check_transform(key, name, arguments, live)


@pytest.mark.parametrize(
    "source", ["oracle", pytest.param("live", marks=pytest.mark.addons)]
)
def test_half_a_turn_of_hue_in_yiq_is_another_transformation(source, request):
    arrays = ORACLE if source == "oracle" else request.getfixturevalue("live")
    images, turned = arrays["images"], np.asarray(arrays["hue_rotation_yiq"])
    luma = images @ np.array([0.299, 0.587, 0.114])[:, None]
    np.testing.assert_allclose(turned, 2 * luma - images, rtol=0, atol=1e-3)
    layer = transforms.get("hue_rotation")
    ours = layer(images, np.array([True, True]))
    ours = keras.ops.convert_to_numpy(ours)
    assert turned.min() < 0 and turned.max() > 255
    assert ours.min() >= 0 and ours.max() <= 255


@pytest.mark.parametrize("key", STANDARDIZED)
def test_standardised_images_equal_those_of_tensorflow(key):
    images_key, tolerance = STANDARDIZED[key]
    standardized = Standardize()(ORACLE[images_key])
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(standardized),
        ORACLE[key],
        rtol=0,
        atol=tolerance,
    )


@pytest.mark.parametrize("key", NORMALIZED)
def test_local_response_normalisation_equals_that_of_tensorflow(key):
    layer = LocalResponseNormalization(**NORMALIZED[key])
    normalized = keras.ops.convert_to_numpy(layer(ORACLE["lrn_input"]))
    # All terms of the denominator are positive: nothing cancels, so a
    # relative tolerance of some 80 roundings of float32 holds for each value.
    np.testing.assert_allclose(normalized, ORACLE[key], rtol=1e-5)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="uses GradientTape"
)
@pytest.mark.parametrize("key", NORMALIZED)
def test_the_gradient_through_normalisation_equals_that_of_tensorflow(key):
    import tensorflow as tf

    layer = LocalResponseNormalization(**NORMALIZED[key])
    inputs = tf.constant(ORACLE["lrn_input"])
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(layer(inputs) * ORACLE["lrn_weights"])
    gradient = tape.gradient(total, inputs)
    # Terms of size 1 cancel here, hence the small absolute tolerance.
    np.testing.assert_allclose(
        gradient, ORACLE[f"{key}_gradient"], rtol=1e-5, atol=1e-6
    )


def test_the_arrays_come_from_the_pinned_versions():
    lines = (ORACLE_DIR / "requirements.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert ORACLE["versions"].tolist() == pins


@pytest.mark.addons
def test_every_transform_of_the_addons_is_run_beside_them(live):
    compared = {key for key, _, _ in OF_ADDONS.values()}
    assert compared | {"hue_rotation_yiq"} == {*live} - INPUTS


def test_no_array_of_the_oracle_is_left_uncompared():
    compared = {key for key, _, _ in TRANSFORMED.values()}
    compared |= {*STANDARDIZED, *NORMALIZED, "hue_rotation_yiq", "versions"}
    compared |= {f"{key}_gradient" for key in NORMALIZED}
    assert compared | INPUTS == {*ORACLE}
