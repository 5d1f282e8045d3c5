"""What a training shows while it goes on."""

import io
import re

import keras
import numpy as np
import pytest
from rich.console import Console

from invariance_tf.training.progress import TrainingProgress


def train(console, epochs=3, num_done=1, held_out=True):
    """Trains a line for some epochs; returns what was shown."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    progress = TrainingProgress(num_done, console)

    class Measures(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["accuracy"] = 0.75
            if held_out:
                logs["validation_transformed_seen"] = 0.5
                logs["validation_transformed_unseen"] = 0.25

    inputs = np.ones((8, 1), "float32")
    model.fit(
        inputs,
        inputs,
        batch_size=2,
        epochs=epochs,
        initial_epoch=num_done,
        verbose=0,
        callbacks=[Measures(), progress],
    )
    progress.close()
    return console.file.getvalue()


def test_a_log_file_has_one_line_an_epoch():
    text = train(Console(file=io.StringIO(), width=80))
    lines = text.splitlines()
    assert [line.split(":")[0] for line in lines] == ["Epoch 2/3", "Epoch 3/3"]
    assert "accuracy 0.750, within 0.500, across 0.250" in lines[0]
    assert re.search(r"loss \d+\.\d{3}", lines[0])
    assert lines[0].endswith("s left") and lines[1].endswith(" 0 s left")


@pytest.mark.parametrize(
    "held_out, shown", [(True, "within 0.50 across 0.25"), (False, "acc")]
)
def test_a_terminal_has_one_bar_of_one_line(held_out, shown):
    console = Console(
        file=io.StringIO(), width=80, force_terminal=True, color_system=None
    )
    text = train(console, held_out=held_out)
    frames = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    frames = [frame for frame in re.split(r"[\r\n]+", frames) if frame.strip()]
    assert {len(frame) <= 80 for frame in frames} == {True}
    assert frames[-1].startswith("epoch 3/3 ") and shown in frames[-1]
    assert frames[-1].rstrip().endswith("left")


def test_a_training_that_never_began_has_nothing_to_close():
    console = Console(file=io.StringIO(), force_terminal=True)
    TrainingProgress(console=console).close()
    assert console.file.getvalue() == ""
