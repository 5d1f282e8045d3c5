"""Package metadata; the settings of tools are in pyproject.toml."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
INIT = (HERE / "invariance_tf" / "__init__.py").read_text(encoding="utf-8")
CONFIGS = "invariance_tf.configs"

setup(
    name="invariance_tf",
    version=re.search(r'__version__ = "(.+)"', INIT).group(1),
    description=(
        "Robustness to transformations across categories: a replication "
        "package in TensorFlow and Keras"
    ),
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    classifiers=[
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    python_requires=">=3.11,<3.14",
    packages=[*find_packages(include=["invariance_tf*"]), CONFIGS],
    # They stand at the top of a checkout, where they are seen and edited.
    package_dir={CONFIGS: "configs"},
    package_data={
        CONFIGS: ["*.yaml", "sweeps/*.yaml"],
        "invariance_tf.paper.report": ["*.jinja", "*.css", "*.js"],
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
        "docs": [
            "latex2mathml>=3.77",
            "mkdocs>=1.6,<2",
            "mkdocs-material>=9.6",
            "mkdocstrings[python]>=0.30",
        ],
        "ray": ["ray>=2.40"],
        "test": [
            # What TensorFlow Datasets tests builders with needs it.
            "dill>=0.3.8",
            "hypothesis>=6.100",
            "playwright>=1.50",
            "pytest>=8.3",
            "ruff>=0.14",
            "scipy>=1.14",
        ],
    },
)
