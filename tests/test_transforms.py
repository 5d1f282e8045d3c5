"""Every transformation does what mathematics says it does."""

import re

import keras
import numpy as np
import PIL.Image
import pytest
from scipy import ndimage

from invariance_tf import transforms
from invariance_tf.paradigm.model import Standardize, reseed, reseed_layer
from invariance_tf.settings import defaults

FIELD = "name, arguments"
EVERY_TRANSFORM = [
    (name, entry.options) for name, entry in defaults.TRANSFORMS.items()
]


def apply(name, images, **arguments):
    """Transforms every image."""
    flags = np.ones(len(images), bool)
    transformed = transforms.get(name, **arguments)(images, flags)
    return keras.ops.convert_to_numpy(transformed)


def constant(value, size=24):
    return np.full((1, size, size, 3), value, "float32")


def test_the_settings_know_every_transform_and_its_arguments():
    for name, arguments in EVERY_TRANSFORM:
        layer = transforms.get(name, **arguments)
        assert layer.arguments().keys() == arguments.keys(), name
        assert layer.get_config().items() >= arguments.items(), name


def test_every_transform_belongs_to_a_family_of_the_paper():
    families = {
        name: transforms.get(name).family for name in defaults.TRANSFORMS
    }
    assert families.pop("identity") == "none"
    assert len(families) == 12
    assert set(families.values()) == {
        "color",
        "convolutional",
        "noise",
        "geometric",
    }


@pytest.mark.parametrize(FIELD, EVERY_TRANSFORM)
def test_images_that_are_not_flagged_stay_as_they_are(name, arguments, images):
    flags = np.array([True, False, True, False])
    result = transforms.get(name, **arguments)(images, flags)
    result = keras.ops.convert_to_numpy(result)
    assert result.shape == images.shape
    assert result.dtype == np.float32
    assert np.array_equal(result[~flags], images[~flags])
    if name != "identity":
        assert np.abs(result[flags] - images[flags]).max(axis=(1, 2, 3)).all()


@pytest.mark.parametrize(FIELD, EVERY_TRANSFORM)
def test_bytes_are_transformed_like_floats(name, arguments, images):
    layers = [transforms.get(name, **arguments) for _ in range(2)]
    for layer in layers:
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.state.assign([3, 0])
    flags = np.ones(4, bool)
    of_bytes = layers[0](images.astype("uint8"), flags)
    of_floats = layers[1](images, flags)
    of_bytes, of_floats = map(keras.ops.convert_to_numpy, (of_bytes, of_floats))
    assert np.array_equal(of_bytes, of_floats)


def test_predict_transforms_in_a_saved_and_reloaded_model(images, tmp_path):
    image = keras.Input((24, 24, 3), name="image")
    flag = keras.Input((), dtype="bool", name="is_transformed")
    layers = {
        name: transforms.get(name, **arguments, name=name)
        for name, arguments in EVERY_TRANSFORM
    }
    model = keras.Model(
        {"image": image, "is_transformed": flag},
        {name: layer(image, flag) for name, layer in layers.items()},
    )
    inputs = {"image": images, "is_transformed": np.ones(4, bool)}
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    reseed(model, 1)
    reseed(reloaded, 1)
    predicted = model.predict(inputs, verbose=0)
    again = reloaded.predict(inputs, verbose=0)
    for name, layer in layers.items():
        assert reloaded.get_layer(name).get_config() == layer.get_config()
        assert np.allclose(again[name], predicted[name], atol=1e-3), name
        is_changed = np.abs(predicted[name] - images).max() > 1
        assert is_changed == (name != "identity"), name


def test_identity_changes_nothing(images):
    assert np.array_equal(apply("identity", images), images)


def test_grayscale_is_the_luma_on_three_channels(images):
    luma = images @ np.array([0.2989, 0.587, 0.114])
    gray = apply("grayscale", images)
    assert np.allclose(gray, luma[..., None], atol=1e-3)


def test_hue_rotation_maps_each_color_to_its_opposite():
    red, yellow, gray = (250, 10, 10), (200, 200, 40), (90, 90, 90)
    pixels = np.array([[red, yellow, gray]], "float32")[None]
    assert apply("hue_rotation", pixels)[0, 0].tolist() == [
        [10, 250, 250],
        [40, 40, 200],
        [90, 90, 90],
    ]


def test_hue_rotated_twice_is_the_image(images):
    twice = apply("hue_rotation", apply("hue_rotation", images))
    assert np.allclose(twice, images, atol=1e-4)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_an_impulse_blurs_to_the_sampled_gaussian(sigma):
    impulse = np.zeros((1, 25, 25, 3), "float32")
    impulse[0, 12, 12] = 255
    distance = np.arange(-12, 13)
    gaussian = np.exp(-(distance**2) / (2 * sigma**2))
    gaussian[np.abs(distance) > np.ceil(3 * sigma)] = 0
    gaussian /= gaussian.sum()
    expected = 255 * np.outer(gaussian, gaussian)
    blurred = apply("blur", impulse, sigma=sigma)[0]
    assert np.allclose(blurred, expected[..., None], atol=1e-4)


def test_white_blurs_to_white_up_to_the_border():
    assert np.allclose(apply("blur", constant(255), sigma=5.0), 255, atol=1e-3)


@pytest.mark.parametrize("sigma", [0.7, 1.5, 3.0])
def test_blur_is_scipys_with_the_border_mirrored(sigma, images):
    expected = ndimage.gaussian_filter(
        images.astype("float64"),
        (0, sigma, sigma, 0),
        mode="mirror",
        radius=(0, int(np.ceil(3 * sigma)), int(np.ceil(3 * sigma)), 0),
    )
    assert np.allclose(apply("blur", images, sigma=sigma), expected, atol=1e-3)


KERNELS = {
    "highpass": [
        [-1, -1, -1, -1, -1],
        [-1, 1, 2, 1, -1],
        [-1, 2, 4, 2, -1],
        [-1, 1, 2, 1, -1],
        [-1, -1, -1, -1, -1],
    ],
    "horizontal": [[-1, 0, 1]] * 3,
    "vertical": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
}


@pytest.mark.parametrize("name", KERNELS)
def test_filters_are_scipys_with_the_border_mirrored(name, images):
    kernel = np.array(KERNELS[name], "float64")[None, :, :, None]
    expected = ndimage.correlate(
        images.astype("float64"), kernel, mode="mirror"
    )
    assert np.allclose(apply(name, images), expected, atol=1e-2)


@pytest.mark.parametrize("name", KERNELS)
def test_filters_do_not_answer_to_a_constant(name):
    assert np.abs(apply(name, constant(137))).max() == 0


def test_the_kernel_of_highpass_has_the_papers_form_in_its_centre():
    kernel = np.array(transforms.HighPass.kernels["zero_sum"])
    assert kernel[2].tolist() == kernel[:, 2].tolist() == [-1, 2, 4, 2, -1]
    assert kernel.sum() == 0


def test_separable_highpass_is_the_outer_product(images):
    form = np.array([-1.0, 2, 4, 2, -1])
    expected = images.astype("float64")
    for axis in (1, 2):
        expected = ndimage.correlate1d(expected, form, axis, mode="mirror")
    result = apply("highpass", images, kernel="separable")
    assert np.allclose(result, expected, rtol=1e-5, atol=1e-2)


def test_horizontal_sees_upright_edges_only():
    upright = np.zeros((1, 8, 8, 3), "float32")
    upright[:, :, 4:] = 10
    assert apply("horizontal", upright)[0, 4, :, 0].tolist() == [
        *(0, 0, 0, 30, 30, 0, 0, 0)
    ]
    assert np.abs(apply("vertical", upright)).max() == 0


def test_contrast_inversion_is_255_minus_x(images):
    assert np.array_equal(apply("contrast_inversion", images), 255 - images)


def test_white_noise_has_the_moments_of_its_normal_distribution():
    noise = apply("white_noise", constant(128, 200), std=50.0) - 128
    size = noise.size
    assert abs(noise.mean()) < 5 * 50 / np.sqrt(size)
    assert abs(noise.std() - 50) < 5 * 50 / np.sqrt(2 * size)
    within = np.mean(np.abs(noise) < 50)
    assert abs(within - 0.6827) < 5 * np.sqrt(0.6827 * 0.3173 / size)


def test_white_noise_is_clipped_when_asked():
    noisy = apply("white_noise", constant(128), std=300.0, clip=True)
    assert noisy.min() == 0 and noisy.max() == 255
    assert apply("white_noise", constant(128), std=300.0).min() < 0


def test_salt_and_pepper_replace_half_of_the_pixels_with_equal_chance():
    noisy = apply("salt_pepper", constant(100, 200))
    assert np.array_equal(noisy[..., 0], noisy[..., 1])
    pixels = noisy[..., 0].ravel()
    assert set(np.unique(pixels)) == {0, 100, 255}
    for value, rate in ((0, 0.25), (100, 0.5), (255, 0.25)):
        bound = 5 * np.sqrt(rate * (1 - rate) / pixels.size)
        assert abs(np.mean(pixels == value) - rate) < bound


def test_salt_and_pepper_treat_channels_apart_when_asked():
    noisy = apply("salt_pepper", constant(100, 50), per_channel=True)
    differs = np.mean(noisy[..., 0] != noisy[..., 1])
    equal = 0.25**2 + 0.5**2 + 0.25**2
    assert abs(differs - (1 - equal)) < 5 * np.sqrt(0.25 / 2500)


@pytest.mark.parametrize("per_channel", [False, True])
def test_salt_and_pepper_are_the_former_sum_but_do_not_clip(per_channel):
    noise = transforms.get("salt_pepper", per_channel=per_channel)
    images = np.random.default_rng(0).uniform(0, 255, (4, 24, 24, 3))
    images[:2] = np.rint(images[:2])
    reseed_layer(noise, 7)
    noisy = keras.ops.convert_to_numpy(noise(images))
    reseed_layer(noise, 7)
    shape = (*images.shape[:-1], 3 if per_channel else 1)
    chance = keras.ops.convert_to_numpy(
        keras.random.uniform(shape, seed=noise.seed_generator)
    )
    change = 256 * ((chance >= 0.75).astype(int) - (chance < 0.25))
    before = np.clip(images.astype("float32") + change, 0, 255)
    np.testing.assert_array_equal(noisy, before.astype("float32"))
    # As after another transformation.
    reseed_layer(noise, 7)
    far = keras.ops.convert_to_numpy(noise(2 * images - 300))
    kept = np.broadcast_to(change == 0, far.shape)
    expected = (2 * images - 300).astype("float32")
    np.testing.assert_array_equal(far[kept], expected[kept])
    np.testing.assert_array_equal(far[~kept], noisy[~kept])


@pytest.mark.parametrize("name", ["white_noise", "salt_pepper"])
def test_noise_is_fresh_at_every_pass(name, images):
    layer = transforms.get(name)
    flags = np.ones(4, bool)
    first, second = (
        keras.ops.convert_to_numpy(layer(images, flags)) for _ in range(2)
    )
    assert np.abs(first - second).max() > 0


def test_rotations_turn_anti_clockwise(images):
    quarter, half = apply("rotate90", images), apply("rotate180", images)
    assert np.array_equal(quarter, np.rot90(images, axes=(1, 2)))
    assert np.array_equal(half, np.rot90(images, 2, axes=(1, 2)))


@pytest.mark.parametrize("angle", [-90, 270, 450, 0])
def test_multiples_of_90_degrees_are_exact(images, angle):
    turned = apply("rotate180", images, angle=angle)
    assert np.array_equal(turned, np.rot90(images, angle // 90, axes=(1, 2)))


@pytest.mark.parametrize("angle", [30, 89.9, 135, -10])
def test_other_angles_are_interpolated_as_by_scipy(images, angle):
    images = images[:, :20]  # need not be square
    # SciPy takes what is beyond the border for part of a pixel too.
    expected = ndimage.rotate(
        images, angle, axes=(2, 1), reshape=False, order=1, mode="grid-constant"
    )
    turned = apply("rotate90", images, angle=angle)
    np.testing.assert_allclose(turned, expected, atol=0.02)


def test_four_quarter_turns_are_none(images):
    turned = images
    for _ in range(4):
        turned = apply("rotate90", turned)
    assert np.array_equal(turned, images)


@pytest.mark.parametrize("width", [24, 25])
def test_thinning_halves_the_width_between_columns_of_zeros(width):
    images = np.full((1, 10, width, 3), 200, "float32")
    columns = apply("thinning", images)[0, 5, :, 0]
    left = (width - width // 2) // 2
    assert np.allclose(columns[left : left + width // 2], 200)
    assert not columns[:left].any() and not columns[left + width // 2 :].any()


def test_thinning_keeps_the_content_in_place():
    ramp = np.arange(24.0)[None, None, :, None] * np.ones((1, 2, 1, 3))
    columns = apply("thinning", ramp)[0, 0, 6:18, 0]
    # New pixel i covers old pixels 2i and 2i + 1: their centre is 2i + 1/2.
    assert np.allclose(columns[1:-1], 2 * np.arange(1, 11) + 0.5, atol=1e-4)


@pytest.mark.parametrize("factor, width", [(1, 24), (3, 8), (2.5, 9), (24, 1)])
def test_thinning_divides_the_width_by_any_factor(images, factor, width):
    thin = apply("thinning", images, factor=factor)
    left = (24 - width) // 2
    assert not thin[:, :, :left].any() and not thin[:, :, left + width :].any()
    content = thin[:, :, left : left + width]
    assert content.shape[2] == width
    # Pillow's bilinear filter is antialiased in the same way.
    channel = PIL.Image.fromarray(images[0, :, :, 0])
    expected = channel.resize((width, 24), PIL.Image.Resampling.BILINEAR)
    np.testing.assert_allclose(content[0, :, :, 0], expected, atol=0.05)


def test_thinning_by_more_than_the_width_is_refused(images):
    with pytest.raises(ValueError, match="at least 25 pixels wide.*width=24"):
        apply("thinning", images, factor=24.5)


def test_standardised_images_have_mean_0_and_deviation_1(images):
    standardised = keras.ops.convert_to_numpy(Standardize()(images))
    assert np.allclose(standardised.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    assert np.allclose(standardised.std(axis=(1, 2, 3)), 1, atol=1e-5)


def test_a_constant_image_standardises_to_zeros():
    assert not keras.ops.convert_to_numpy(Standardize()(constant(77))).any()


def test_a_faint_image_is_divided_by_one_over_the_root_of_its_values():
    faint = constant(10)
    faint[0, 0, 0, 0] += 1e-3
    expected = (faint - faint.mean()) * np.sqrt(faint.size)
    result = keras.ops.convert_to_numpy(Standardize()(faint))
    assert np.allclose(result, expected, atol=1e-4)


def test_standardisation_makes_contrast_inversion_a_change_of_sign(images):
    inverted = Standardize()(apply("contrast_inversion", images))
    plain = Standardize()(images)
    total = keras.ops.convert_to_numpy(inverted + plain)
    assert np.allclose(total, 0, atol=1e-5)


@pytest.mark.parametrize(
    "name, arguments, message",
    [
        ("blurr", {}, "Unknown transform.*identity, grayscale.*=blurr"),
        ("blur", {"std": 1}, "takes sigma.*unknown.*transform_args={'std': 1}"),
        ("blur", {"sigma": 0}, "must be positive. Received: sigma=0"),
        ("blur", {"sigma": float("nan")}, "must be positive.*nan"),
        ("blur", {"sigma": "wide"}, "takes sigma"),
        ("highpass", {"kernel": "7x7"}, "zero_sum, separable.*'7x7'"),
        ("white_noise", {"std": -1}, "grey levels.*std=-1"),
        ("white_noise", {"std": 1e300}, r"at most 10000. Rec.*std=1e\+300"),
        ("salt_pepper", {"amount": 2}, r"in \(0, 1\]. Received: amount=2"),
        ("grayscale", {"angle": 3}, "takes no arguments.*{'angle': 3}"),
        ("rotate90", {"angle": float("inf")}, "degrees.*finite.*inf"),
        ("thinning", {"factor": 0.5}, "at least 1. Received: factor=0.5"),
    ],
)
def test_a_mistake_is_answered_with_what_is_legal(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        transforms.get(name, **arguments)


def test_a_blur_wider_than_the_image_is_refused(images):
    with pytest.raises(ValueError, match="at most 7.67.*sigma=8"):
        apply("blur", images, sigma=8)


def test_a_quarter_turn_needs_square_images():
    with pytest.raises(ValueError, match="square.*height=8, width=9"):
        apply("rotate90", np.zeros((1, 8, 9, 3)))


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="needs KERAS_BACKEND=jax"
)
def test_on_a_gpu_jax_multiplies_grey_levels_in_float32(images):
    """By default it takes TensorFloat32 there, with 10 bits of mantissa."""
    import jax

    found = set()
    for name, arguments in EVERY_TRANSFORM:
        layer = transforms.get(name, **arguments)
        layer(images)
        for line in str(jax.make_jaxpr(layer)(images)).splitlines():
            found |= {*re.findall(r"Precision\.([A-Z]+)", line)}
            assert "precision=None" not in line, name
    assert found == {"HIGHEST"}
