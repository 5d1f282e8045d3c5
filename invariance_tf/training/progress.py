"""How far a training is: one bar in a terminal or notebook, else lines."""

import time

import keras
import rich
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

# Reading the loss waits for the device: not at every step.
_SECONDS_BETWEEN_LOOKS = 0.5

# Names of the history, and what they are called here.
_SHOWN = {
    "loss": "loss",
    "accuracy": "accuracy",
    "validation_original_all": "held-out: original",
    "validation_transformed_seen": "within",
    "validation_transformed_unseen": "across",
}


class TrainingProgress(keras.callbacks.Callback):
    """Shows epoch, loss, accuracies and the time left of a training.

    A terminal and a notebook have one bar for all epochs; elsewhere, as in a
    log file, each epoch has a line. Accuracies are those on held-out images,
    where there are any, else that on the training images.

    Args:
        num_done: Integer, epochs that were done before.
        console: A `rich.console.Console`, or `None` for the usual one, which
            shows what is logged above the bar.
    """

    def __init__(self, num_done=0, console=None):
        super().__init__()
        self._num_done = num_done
        self._console = console or rich.get_console()
        self._shown = ""
        self._bar = None

    def on_train_begin(self, logs=None):
        epochs, steps = self.params["epochs"], self.params["steps"]
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/" + str(epochs)),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[state]}", markup=False),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=self._console,
            disable=not (self._console.is_terminal or self._console.is_jupyter),
            expand=True,
            speed_estimate_period=600,
        )
        self._task = self._bar.add_task(
            "", total=epochs * steps, epoch=self._num_done + 1, state=""
        )
        self._bar.update(self._task, completed=self._num_done * steps)
        self._start = self._last_look = time.monotonic()
        self._bar.start()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._bar.update(self._task, epoch=epoch + 1)

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        if self._bar.disable or now - self._last_look < _SECONDS_BETWEEN_LOOKS:
            return
        self._last_look = now
        self._bar.update(
            self._task,
            completed=self._epoch * self.params["steps"] + batch + 1,
            state=f"loss {logs['loss']:.3f} {self._shown}".strip(),
        )

    def on_epoch_end(self, epoch, logs=None):
        found = {
            words: logs[name] for name, words in _SHOWN.items() if name in logs
        }
        shown = ("within", "across") if "within" in found else ("accuracy",)
        self._shown = " ".join(f"{name} {found[name]:.2f}" for name in shown)
        self._bar.update(
            self._task,
            completed=(epoch + 1) * self.params["steps"],
            state=f"loss {found['loss']:.3f} {self._shown}",
        )
        if self._bar.disable:
            self._show_line(epoch, found)

    def _show_line(self, epoch, found):
        """Shows an epoch that is done."""
        epochs = self.params["epochs"]
        seconds = time.monotonic() - self._start
        seconds *= (epochs - epoch - 1) / (epoch + 1 - self._num_done)
        numbers = ", ".join(
            f"{words} {value:.3f}" for words, value in found.items()
        )
        self._console.print(
            f"Epoch {epoch + 1}/{epochs}: {numbers}; {seconds:.0f} s left",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )

    def close(self):
        """Ends the bar, whatever ended the training."""
        if self._bar is not None:
            self._bar.stop()
