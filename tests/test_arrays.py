"""The door for images and labels: what comes in, and what does not."""

import types

import keras
import numpy as np
import pytest

from invariance_tf import arrays

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 6, 6, 3), "uint8")
LABELS = np.array([2, 0, 1, 1, 0, 2, 2, 1, 0, 0])


class Torch:
    """A tensor as PyTorch has it on a GPU, with a gradient."""

    def __init__(self, values, place="gpu"):
        self.values, self.place, self.shape = values, place, values.shape

    def detach(self):
        return Torch(self.values, self.place + " detached")

    def cpu(self):
        return Torch(self.values, self.place.replace("gpu", "cpu"))

    def __array__(self, dtype=None, copy=None):
        if self.place != "cpu detached":
            raise TypeError("can't convert to numpy")
        return np.asarray(self.values, dtype)


class Batches(keras.utils.PyDataset):
    """Three batches, or without an end."""

    def __init__(self, num_batches=3):
        super().__init__()
        self.number = num_batches
        self.images, self.labels = IMAGES, LABELS

    @property
    def num_batches(self):
        return self.number

    def __getitem__(self, index):
        part = slice(4 * (index % 3), 4 * (index % 3) + 4)
        return IMAGES[part], LABELS[part]


def tensors(*parts):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(*parts)


ONE_HOT = np.eye(3)[LABELS]
NAMES = np.array(["ant", "bee", "cow"])[LABELS]
# Everything that holds the same ten images, and whether it has their labels.
SOURCES = {
    "array": (lambda: IMAGES, False),
    "list": (lambda: [*IMAGES], False),
    "float64": (lambda: IMAGES.astype("float64"), False),
    "int64": (lambda: IMAGES.astype("int64"), False),
    "keras tensor": (lambda: keras.ops.convert_to_tensor(IMAGES), False),
    "bfloat16": (
        lambda: keras.ops.cast(IMAGES // 64 * 64, "bfloat16"),
        False,
    ),
    "torch": (lambda: Torch(IMAGES), False),
    "tf.data": (lambda: tensors(IMAGES), False),
    "in batches": (lambda: tensors(IMAGES).batch(4), False),
    "pairs": (lambda: tensors((IMAGES, LABELS)), True),
    "pairs in batches": (lambda: tensors((IMAGES, LABELS)).batch(4), True),
    "one-hot": (lambda: tensors((IMAGES, ONE_HOT)), True),
    "one-hot in batches": (lambda: tensors((IMAGES, ONE_HOT)).batch(3), True),
    "names": (lambda: tensors((IMAGES, NAMES)).batch(4), True),
    "weights": (lambda: tensors((IMAGES, LABELS, LABELS)).batch(4), True),
    "dictionaries": (
        lambda: tensors({"id": LABELS, "image": IMAGES, "label": LABELS}),
        True,
    ),
    "dictionaries in batches": (
        lambda: tensors({"image": IMAGES, "label": LABELS}).batch(4),
        True,
    ),
    "dictionaries and labels": (
        lambda: tensors(({"image": IMAGES}, LABELS)).batch(4),
        True,
    ),
    "PyDataset": (Batches, True),
    "batches": (lambda: [(IMAGES, LABELS)].__iter__(), True),
}


@pytest.mark.parametrize("name", SOURCES)
def test_images_and_labels_come_in_many_forms(name):
    make, has_labels = SOURCES[name]
    for num_images in (10, 7):
        images, labels = arrays.read_images(make(), num_images=num_images)
        expected = IMAGES[:num_images]
        if name == "bfloat16":
            expected = expected // 64 * 64
        assert np.array_equal(images, expected)
        if has_labels:
            assert labels.tolist() == LABELS[:num_images].tolist()
        else:
            assert labels is None


def test_given_labels_stand_above_those_of_a_data_set():
    _, labels = arrays.read_images(tensors((IMAGES, LABELS)), LABELS[::-1])
    assert labels.tolist() == LABELS[::-1].tolist()


def test_a_memory_map_stays_one(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert arrays.read_images(mapped)[0] is mapped


@pytest.mark.parametrize(
    "make",
    [
        lambda: tensors(IMAGES).repeat(),
        lambda: tensors((IMAGES, LABELS)).batch(4).repeat(),
        lambda: Batches(None),
        lambda: iter([IMAGES]),
    ],
)
def test_what_never_ends_is_bounded_or_refused(make):
    with pytest.raises(ValueError, match="may never end: .*num_images=None"):
        arrays.read_images(make())
    assert len(arrays.read_images(make(), num_images=9)[0]) == 9


def unknown(images):
    """Returns a data set that does not know how many images it has."""
    return images.filter(lambda *_: True)


@pytest.mark.parametrize("is_batched", [False, True])
def test_an_end_that_is_not_known_is_awaited_in_half_of_the_memory(
    monkeypatch, is_batched
):
    monkeypatch.setattr(arrays, "find_memory", lambda: 40 * IMAGES.nbytes)
    make = tensors(IMAGES).batch(4) if is_batched else tensors(IMAGES)
    assert np.array_equal(arrays.read_images(unknown(make))[0], IMAGES)
    endless = unknown(make.repeat())
    with pytest.raises(ValueError, match="may never end: 20. images take half"):
        arrays.read_images(endless)
    many, _ = arrays.read_images(endless, num_images=500)
    assert len(many) == 500


@pytest.mark.parametrize("number", [0, -1, 2.5, True, "all"])
def test_a_number_of_images_is_positive(number):
    with pytest.raises(ValueError, match="positive integer. Received: num"):
        arrays.read_images(IMAGES, num_images=number)


FLOATS = IMAGES.astype("float32")
REFUSED = {
    "rescaled": (FLOATS / 255, r"between 0 and 1. .*value_range=\(0, 1\)"),
    "halved": (FLOATS / 512, r"between 0 and 1"),
    "binary": (IMAGES // 128, r"between 0 and 1.*maximum=1$"),
    "centred": (FLOATS / 127.5 - 1, r"-1 and 1. .*value_range=\(-1, 1\)"),
    "standardised": ((FLOATS - 128) / 60, "from 0 to 255: pass images as they"),
    "16 bits": (IMAGES.astype("uint16") * 257, "from 0 to 255"),
    "caffe": (FLOATS - 120, "from 0 to 255"),
    "undefined": (np.where(FLOATS == 7, np.nan, FLOATS), "finite values"),
    "infinite": (np.where(FLOATS == 7, np.inf, FLOATS), "finite values"),
    "one image": (IMAGES[0], r"images\[np.newaxis\]"),
    "grey without channels": (IMAGES[..., 0], r"images\[..., np.newaxis\]"),
    "no image": (IMAGES[:0], "at least one image"),
    "channels first": (np.moveaxis(IMAGES, -1, 1), r"np.moveaxis\(images, 1"),
    "transparent": (IMAGES[..., [0, 1, 2, 2]], r"images\[..., :3\]"),
    "unequal": ([IMAGES[0], IMAGES[0, 1:]], "the same size"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_images_that_cannot_be_right_are_refused_in_one_line(name):
    images, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as refused:
        arrays.read_images(images)
    assert "\n" not in str(refused.value) and "`images`" in str(refused.value)


@pytest.mark.parametrize(
    "images",
    [
        IMAGES.astype(str),
        IMAGES > 9,
        IMAGES.astype(complex),
        "images/",
        None,
        3,
        types.SimpleNamespace(images=IMAGES, labels=LABELS, is_test=LABELS),
    ],
)
def test_what_is_not_images_is_refused(images):
    with pytest.raises(TypeError, match="Received: "):
        arrays.read_images(images)


def test_images_of_unequal_size_in_a_data_set_are_refused():
    images = [IMAGES[0], IMAGES[0, 1:]]
    with pytest.raises(ValueError, match="the same size: resize them"):
        arrays.read_images(iter(images), num_images=2)
    with pytest.raises(ValueError, match="key image. .*keys=.'pixels'"):
        arrays.read_images(iter([{"pixels": IMAGES}]), num_images=2)
    with pytest.raises(ValueError, match="at least one is needed"):
        arrays.read_images(tensors(IMAGES).take(0))


@pytest.mark.parametrize(
    "labels, message",
    [
        # Seven in all, but of other images.
        ((LABELS[:2], LABELS[3:8]), "3 images, labels of shape .2,."),
        ((LABELS[:3], None), "or in none. Received: 1 elem"),
        ((None, LABELS[3:7]), "or in none. Received: 1 elem"),
        ((LABELS[0], LABELS[3:7]), "3 images, labels of shape .."),
    ],
)
def test_labels_are_those_of_their_element(labels, message):
    images = IMAGES[:3], IMAGES[3:7]
    elements = zip(images, labels, strict=True)
    with pytest.raises(ValueError, match=message):
        arrays.read_images(iter(elements), num_images=7)


def test_what_is_decoded_when_it_is_read_stays_so():
    """Also if only some are wanted."""

    class Decoded:
        def __init__(self, positions):
            self.positions = positions
            self.shape = (len(positions), *IMAGES.shape[1:])
            self.dtype = IMAGES.dtype

        def __len__(self):
            return len(self.positions)

        def __getitem__(self, index):
            raise AssertionError("decoded")

        def take_records(self, positions):
            return Decoded(self.positions[positions])

    images, _ = arrays.read_images(Decoded(np.arange(10)), num_images=4)
    assert images.positions.tolist() == [0, 1, 2, 3]


def test_black_images_are_images():
    assert not arrays.read_images(np.zeros((2, 4, 4, 3)))[0].any()


def test_a_declared_range_is_believed_and_checked():
    dim = FLOATS / 255
    assert arrays.read_images(dim, value_range=(0, 1))[0] is dim
    assert arrays.read_images(dim, value_range=(0, 255))[0] is dim
    with pytest.raises(ValueError, match="from 0 to 1: .*maximum=255"):
        arrays.read_images(IMAGES, value_range=(0, 1))
    for wrong in (1, (1, 0), (0, np.inf), (0, 1, 2), "01"):
        with pytest.raises(ValueError, match="must be two numbers"):
            arrays.read_images(IMAGES, value_range=wrong)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        [*LABELS.tolist()],
        LABELS.astype("float64"),
        LABELS[:, None],
        LABELS.astype(object),
        ONE_HOT,
        ONE_HOT.astype(bool),
        NAMES,
        NAMES.tolist(),
        NAMES.astype("S"),
        NAMES.astype("S")[:, None],
        NAMES.astype(np.dtypes.StringDType()),
        NAMES.astype(object),
        [name.encode() for name in NAMES.tolist()],
        Torch(LABELS),
    ],
)
def test_labels_are_integers_names_or_one_hot_rows(labels):
    found = arrays.read_labels(labels, 10)
    assert found.dtype == int and found.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    "labels, message",
    [
        (LABELS[1:], "one label for each of 10 images.*shape=\\(9,\\)"),
        (LABELS - 1, "integers >= 0"),
        (LABELS + 0.5, "integers >= 0"),
        (np.where(LABELS == 1, np.nan, LABELS), "integers >= 0"),
        (ONE_HOT / 2, "one-hot"),
        (np.ones((10, 3)), "one-hot"),
        ([*"abcdefghi", None], "integers >= 0"),
        (np.ones((10, 3, 2)), "one label for each"),
        ([np.inf, *range(9)], "integers >= 0"),
        ([1e30, *range(9)], "integers >= 0"),
        (np.full(10, 2**63, "uint64"), "integers >= 0"),
    ],
)
def test_other_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        arrays.read_labels(labels, 10)
