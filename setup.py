"""Package metadata; the settings of tools are in pyproject.toml."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
README = (HERE / "README.md").read_text(encoding="utf-8")
INIT = (HERE / "invariance_tf" / "__init__.py").read_text(encoding="utf-8")
CONFIGS = "invariance_tf.configs"

# Outside of a checkout a relative path leads nowhere: pictures are left out,
# and of links their text is kept.
DESCRIPTION = re.sub(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n*", "", README)
DESCRIPTION = re.sub(r"\[([^]]+)\]\((?!https?:)[^)]*\)", r"\1", DESCRIPTION)

setup(
    name="invariance_tf",
    version=re.search(r'__version__ = "(.+)"', INIT).group(1),
    description=(
        "Robustness to transformations across categories: a replication "
        "package in TensorFlow and Keras"
    ),
    long_description=DESCRIPTION,
    long_description_content_type="text/markdown",
    # Of the package; CITATION.cff names those of the paper.
    author="The invariance_tf developers",
    license="Apache-2.0",
    keywords=[
        "deep learning",
        "face recognition",
        "generalisation",
        "image transformations",
        "invariance",
        "Keras",
        "replication",
        "robustness",
        "TensorFlow",
    ],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Environment :: GPU :: NVIDIA CUDA",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
    python_requires=">=3.11,<3.14",
    packages=[*find_packages(include=["invariance_tf*"]), CONFIGS],
    # They stand at the top of a checkout, where they are seen and edited.
    package_dir={CONFIGS: "configs"},
    package_data={
        CONFIGS: ["*.yaml", "sweeps/*.yaml"],
        "invariance_tf.paper.report": ["*.jinja", "*.css", "*.js"],
    },
    entry_points={
        "console_scripts": ["invariance-tf=invariance_tf.__main__:main"]
    },
    install_requires=[
        "aiohttp>=3.12",
        "tensorflow>=2.21",
        "keras>=3.15",
        "tensorboard>=2.20",
        "tensorflow-datasets>=4.9.9",
        "numpy>=2.0",
        "pandas>=2.2",
        "matplotlib>=3.9",
        "pillow>=11.0",
        "pyarrow>=17.0",
        "h5py>=3.11",
        "filelock>=3.16",
        "platformdirs>=4.2",
        # TensorFlow Datasets needs it and does not say so.
        "importlib_resources>=6.4",
        "jinja2>=3.1",
        "jsonargparse[signatures]>=4.40",
        "pyyaml>=6.0",
        "rich>=13.9",
        "scikit-learn>=1.5",
    ],
    extras_require={
        # Tests compare with it. There is none for Keras 3 or a later Python.
        "addons": ['tensorflow-addons==0.23.0; python_version < "3.12"'],
        "docs": [
            "ipykernel>=6.29",
            "latex2mathml>=3.77",
            "mkdocs>=1.6,<2",
            "mkdocs-glightbox>=0.5",
            "mkdocs-macros-plugin>=1.3",
            "mkdocs-material>=9.6",
            "mkdocstrings[python]>=0.30",
            "nbconvert>=7.16",
        ],
        "gpu": ["tensorflow[and-cuda]>=2.21"],
        "jax": ["jax>=0.7"],
        "ray": ["ray>=2.40"],
        "test": [
            # What TensorFlow Datasets tests builders with needs it.
            "dill>=0.3.8",
            "hypothesis>=6.100",
            "playwright>=1.50",
            "pytest>=8.3",
            "pytest-xdist>=3.6",
            "ruff>=0.14",
            "scipy>=1.14",
        ],
        "torch": ["torch>=2.13"],
    },
)
