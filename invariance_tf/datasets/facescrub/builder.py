"""FaceScrub for TensorFlow Datasets, for use without the rest of the package.

Importing this module registers the builder, so that `tfds.load` finds it:

    import tensorflow_datasets as tfds
    import invariance_tf.datasets.facescrub.builder

    faces = tfds.download.DownloadConfig(manual_dir="data/facescrub")
    train, info = tfds.load(
        "facescrub",
        split="train",
        as_supervised=True,
        with_info=True,
        download_and_prepare_kwargs={"download_config": faces},
    )

Nothing is downloaded: the faces are read from TensorFlow Datasets' manual
directory. Once prepared, they can be loaded without this package.
"""

import dataclasses
import hashlib
import pathlib
import tempfile

import PIL
import tensorflow_datasets as tfds

from invariance_tf.datasets.facescrub import SOURCE, load_facescrub
from invariance_tf.datasets.images.selection import Selection

DESCRIPTION = """
Faces of actors and actresses, cut out of photos from the web, with their names.
Identities with fewer than `min_images` usable images are left out. The first
`num_test` images of each identity, in the order of their files, are its test
images. The images themselves may not be redistributed: they are read from a
directory that you prepare.
"""

INSTRUCTIONS = f"""
Request the lists of images from FaceScrub's authors, Ng & Winkler:
{SOURCE}
Download and crop the faces:

    invariance-tf prepare facescrub --lists LIST.txt ... --out DIR

Then give DIR as `manual_dir` of `tfds.download.DownloadConfig`, or make it the
folder `facescrub` in the manual directory: if that folder exists, it is read,
else all of the manual directory. Faces that you already have can be arranged as
Name/*.jpg, actors/faces/Name/* and actresses/faces/Name/*,
actor_faces/Name/* and actress_faces/Name/*, download/Name/face/* or
facescrub_aligned/Name/*.
"""

CITATION = """
@inproceedings{ng2014datadriven,
  title={A data-driven approach to cleaning large face datasets},
  author={Ng, Hong-Wei and Winkler, Stefan},
  booktitle={IEEE International Conference on Image Processing (ICIP)},
  pages={343--347},
  year={2014}
}
"""


@dataclasses.dataclass(eq=False, kw_only=True)
class FacescrubConfig(tfds.core.BuilderConfig):
    """Says which faces to take, and in which size.

    TensorFlow Datasets finds prepared data by the configuration's name: give
    other settings another name.

    Attributes:
        name: String. It must not be "faces100".
        image_size: See `images.selection.Selection`, as for all that follow.
        central_crop: Float in (0, 1].
        min_images: Integer > `num_test`.
        max_images: Integer > `num_test`, or `None` for all.
        num_test: Integer > 0.
        categories_file: Path of a text file with one identity per line, or
            `None` for all.

    Raises:
        ValueError: If a value is not legal.

    Example:

    >>> config = FacescrubConfig(name="faces64", image_size=64)
    >>> config.options["min_images"], config.options["num_test"]
    (100, 10)
    """

    image_size: int = 100
    central_crop: float = 1.0
    min_images: int = 100
    max_images: int | None = None
    num_test: int = 10
    categories_file: str | None = None

    def __post_init__(self):
        Selection(**self.options)

    @property
    def options(self):
        """Dictionary of those options of `Selection` that users can choose."""
        names = [field.name for field in dataclasses.fields(Selection)]
        return {
            name: getattr(self, name) for name in names if hasattr(self, name)
        }


class Facescrub(tfds.core.GeneratorBasedBuilder):
    """Builds FaceScrub from a directory of faces.

    Identities, images, split and pixels are those of
    `invariance_tf.datasets.facescrub`. As usual in TensorFlow Datasets, the
    examples of a split are shuffled once, in the same way each time.

    Two users can compare `info.metadata`. `fingerprint` stands for pixels,
    labels, names and split, and equals that of the package's `Dataset`.
    `listing_sha256` is the SHA-256 of the used files' names, in order, a line
    each. If only the fingerprints differ, the files' contents do, or the
    versions of Pillow (`pillow`) decode them differently. `skipped` are pairs
    of a file that cannot be used and the reason, `num_skipped` is their number.
    """

    # The first number is that of `decoding.VERSION`: pixels can change with it.
    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {
        "1.0.0": "First version.",
        "2.0.0": "Images whose transparent value Pillow misses are refused.",
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = INSTRUCTIONS
    BUILDER_CONFIGS = [
        FacescrubConfig(
            name="faces100",
            description=(
                "100x100 pixels; identities with at least 100 images, of which "
                "the first 10 are for testing."
            ),
        )
    ]

    def _info(self):
        size = self.builder_config.image_size
        features = {
            "image": tfds.features.Image(
                shape=(size, size, 3), encoding_format="png"
            ),
            # Names are known when the faces are read.
            "label": tfds.features.ClassLabel(),
            "file": tfds.features.Text(),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=DESCRIPTION,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            homepage=SOURCE,
            citation=CITATION,
            metadata=tfds.core.MetadataDict(),
        )

    def _download_and_prepare(self, dl_manager, download_config):
        # Decoded images are kept where the data will be written, not in the
        # user's cache, unless that place is a bucket.
        is_local = pathlib.Path(self.data_dir).is_dir()
        parent = self.data_dir if is_local else None
        with tempfile.TemporaryDirectory(dir=parent) as decoded_dir:
            self._decoded_dir = decoded_dir
            super()._download_and_prepare(dl_manager, download_config)

    def _split_generators(self, dl_manager):
        dataset = self._read(_find_faces(dl_manager.manual_dir))
        listing = "".join(f"{file}\n" for file in dataset.files)
        self.info.metadata.update(
            fingerprint=dataset.fingerprint,
            listing_sha256=hashlib.sha256(listing.encode()).hexdigest(),
            pillow=PIL.__version__,
            num_skipped=len(dataset.skipped),
            skipped=[list(pair) for pair in dataset.skipped],
        )
        # Initialised again: names can be set only once, and if the data were
        # prepared before, the label has its former names.
        self.info.features["label"].__init__(names=dataset.categories)
        return {
            "train": self._generate_examples(dataset, False),
            "test": self._generate_examples(dataset, True),
        }

    def _generate_examples(self, dataset, is_test):
        for position in (dataset.is_test == is_test).nonzero()[0].tolist():
            # The key is not a file name: two files can have the same in NFC.
            yield (
                position,
                {
                    "image": dataset.images[position],
                    "label": int(dataset.labels[position]),
                    "file": dataset.files[position],
                },
            )

    def _read(self, data_dir):
        """Returns a `Dataset`."""
        options = self.builder_config.options
        try:
            return load_facescrub(
                data_dir, cache_dir=self._decoded_dir, **options
            )
        except (ValueError, FileNotFoundError) as error:
            error.add_note(
                "Here, `data_dir` is `manual_dir` of tfds.download."
                "DownloadConfig, and the other options are those of "
                "FacescrubConfig."
            )
            raise


def _find_faces(manual_dir):
    """Returns the path of the directory with the faces."""
    own_dir = manual_dir / "facescrub"
    return own_dir if own_dir.is_dir() else manual_dir
