"""Images in the record files of TensorFlow Datasets, each read by itself."""

import dataclasses

import numpy as np
import tensorflow as tf

# Where an encoded image lies: which of the files, and which bytes of it.
PLACE = np.dtype([("file", "u4"), ("offset", "i8"), ("size", "i4")])


def read_place(paths, place):
    """Returns the bytes of an encoded image.

    Args:
        paths: Sequence of paths of record files.
        place: Element of an array of the type `PLACE`.
    """
    with open(paths[place["file"]], "rb") as stream:
        stream.seek(place["offset"])
        return stream.read(place["size"])


@dataclasses.dataclass(frozen=True, slots=True)
class RecordFile:
    """Describes an encoded image in a record file, like `listing.ImageFile`.

    Attributes:
        name: String, the image's name.
        size: Integer, bytes of the encoded image.
        paths: Sequence of paths of record files.
        place: Element of an array of the type `PLACE`.
        is_test: Boolean, whether it is for testing.
    """

    name: str
    size: int
    paths: tuple
    place: np.void
    is_test: bool

    def read(self):
        """Returns the encoded image."""
        return read_place(self.paths, self.place)


class RecordImages:
    """Images that are read and decoded when they are indexed.

    Any image can be read without those before it, so that training draws
    categories and images as it does from arrays.

    Indexing, `images[positions]`, decodes the central square as tests see it.
    For training, `draw` may crop at random.

    Args:
        paths: Sequence of paths of record files.
        places: Array of shape `(num_images,)` and type `PLACE`.
        image_size: Integer. Height and width of the images, in pixels.
        central_crop: Float in (0, 1]. Side of the central square as a share
            of the image's shorter side.
        crops: `"central"`: that square, resized with antialiasing, in training
            too. `"resnet"`: as TensorFlow's official ResNet (row N8b of
            docs/fidelity.md): in training a random area of 0.05 to 1 of the
            image, of aspect 0.75 to 1.33, half of them mirrored; resized
            without antialiasing. The official recipe also keeps at least a
            tenth of the object in view; we require a tenth of the image, so
            areas below 0.1 do not occur.
    """

    def __init__(
        self, paths, places, image_size, central_crop=1.0, crops="central"
    ):
        self._paths = paths
        self._places = places
        self._central_crop = central_crop
        self._crops = crops
        self.shape = (len(places), image_size, image_size, 3)
        self.dtype = np.dtype("uint8")
        self._decode_central = tf.function(
            lambda positions: self._decode_all(positions, None),
            input_signature=[tf.TensorSpec((None,), tf.int64)],
        )

    def __len__(self):
        return len(self._places)

    def __getitem__(self, positions):
        """Returns a uint8 array of the images at positions."""
        positions = np.arange(len(self))[positions]
        images = self._decode_central(np.atleast_1d(positions)).numpy()
        return images if np.ndim(positions) else images[0]

    def take_records(self, positions):
        """Returns the `RecordImages` at positions, in their order."""
        return RecordImages(
            self._paths,
            self._places[positions],
            self.shape[1],
            self._central_crop,
            self._crops,
        )

    def draw(self, positions, seeds):
        """Reads images for training, as TensorFlow operations.

        Args:
            positions: int64 tensor of shape `(batch,)`.
            seeds: int32 tensor of shape `(batch, 2)`, decides random crops.

        Returns:
            uint8 tensor of shape `(batch, image_size, image_size, 3)`.
        """
        return self._decode_all(positions, seeds)

    def _decode_all(self, positions, seeds):
        contents = tf.numpy_function(
            self._read_all, [positions], tf.string, stateful=False
        )
        contents = tf.ensure_shape(contents, (None,))
        is_random = seeds is not None and self._crops == "resnet"
        return tf.map_fn(
            lambda inputs: self._decode(*inputs),
            (contents, seeds) if is_random else (contents,),
            fn_output_signature=tf.TensorSpec(self.shape[1:], tf.uint8),
        )

    def _read_all(self, positions):
        return np.array(
            [
                read_place(self._paths, place)
                for place in self._places[positions]
            ],
            object,
        )

    def _decode(self, content, seed=None):
        def of_jpeg():
            # Only the blocks of the window are decoded.
            window = self._window(tf.io.extract_jpeg_shape(content), seed)
            return tf.image.decode_and_crop_jpeg(
                content,
                window,
                channels=3,
                try_recover_truncated=True,
                dct_method="INTEGER_ACCURATE",
            )

        def of_others():
            image = tf.io.decode_image(
                content, channels=3, expand_animations=False
            )
            top, left, height, width = tf.unstack(
                self._window(tf.shape(image), seed)
            )
            return image[top : top + height, left : left + width]

        image = tf.cond(tf.io.is_jpeg(content), of_jpeg, of_others)
        image = tf.image.resize(
            tf.ensure_shape(image, (None, None, 3)),
            self.shape[1:3],
            antialias=self._crops == "central",
        )
        image = tf.cast(tf.round(image), tf.uint8)
        if seed is not None:
            coin = tf.random.experimental.stateless_fold_in(seed, 1)
            is_mirrored = tf.random.stateless_uniform((), coin) < 0.5
            columns = tf.range(self.shape[2])
            columns = tf.where(is_mirrored, columns[::-1], columns)
            # Choosing between two images would take as long as decoding one.
            image = tf.gather(image, columns, axis=1)
        return image

    def _window(self, shape, seed):
        """Returns top, left, height and width of what is kept."""
        if seed is not None:
            begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
                shape,
                tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
                seed,
                min_object_covered=0.1,
                aspect_ratio_range=(0.75, 1.33),
                area_range=(0.05, 1.0),
                max_attempts=100,
                use_image_if_no_bounding_boxes=True,
            )
            return tf.concat([begin[:2], size[:2]], axis=0)
        shorter = tf.cast(tf.reduce_min(shape[:2]), tf.float64)
        side = tf.cast(tf.round(self._central_crop * shorter), tf.int32)
        side = tf.maximum(side, 1)
        top, left = tf.unstack((shape[:2] - side) // 2)
        return tf.stack([top, left, side, side])
