"""Logs a run for TensorBoard, with any backend of Keras."""

import io
import math
import os
import socket
import time
import weakref

import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import (
    api_pb2,
    metadata,
    plugin_data_pb2,
    summary_v2,
)
from tensorboard.summary.writer.record_writer import RecordWriter

from invariance_tf import foreign


class EventLog:
    """Logs the scalars, pictures and hyper-parameters of a run.

    Args:
        log_dir: Directory of the event files. A resumed run adds a file.
    """

    def __init__(self, log_dir):
        os.makedirs(log_dir, exist_ok=True)
        host, process = socket.gethostname(), os.getpid()
        self._path = os.path.join(
            log_dir, f"events.out.tfevents.{time.time():.0f}.{host}.{process}"
        )
        # Open until the log is closed or forgotten, as after an error.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._file = os.open(self._path, flags, 0o666)
        self._close = weakref.finalize(self, os.close, self._file)
        self._add(file_version="brain.Event:2")

    def _add(self, **content):
        """Writes an event.

        TensorBoard's own writer has a thread and TensorFlow write it, whose
        errors are not the system's where a disk is full.
        """
        event = event_pb2.Event(wall_time=time.time(), **content)
        record = io.BytesIO()
        RecordWriter(record).write(event.SerializeToString())
        try:
            os.write(self._file, record.getvalue())
        except OSError as error:
            # A full disk does not say which file it had no room for.
            error.filename = self._path
            raise

    def _write(self, summary_proto, step):
        self._add(step=step, summary=summary_proto)

    def _write_hyper_parameters(self, tag, **content):
        """Writes a message for the HParams tab."""
        data = plugin_data_pb2.HParamsPluginData(**content)
        value = summary_pb2.Summary.Value(
            tag=tag,
            metadata=metadata.create_summary_metadata(data),
            tensor=metadata.NULL_TENSOR,
        )
        self._write(summary_pb2.Summary(value=[value]), 0)

    def scalars(self, values, step):
        """Logs a dictionary of numbers by tag, except nan."""
        points = [
            summary_pb2.Summary.Value(tag=tag, simple_value=value)
            for tag, value in values.items()
            if math.isfinite(value)
        ]
        self._write(summary_pb2.Summary(value=points), step)

    def histogram(self, tag, values, step, num_bins=30):
        """Logs the distribution of an array of numbers."""
        counts, edges = np.histogram(values, num_bins)
        histogram = summary_pb2.HistogramProto(
            min=values.min(),
            max=values.max(),
            num=len(values),
            sum=values.sum(),
            sum_squares=np.square(values).sum(),
            bucket_limit=edges[1:],
            bucket=counts,
        )
        value = summary_pb2.Summary.Value(tag=tag, histo=histogram)
        self._write(summary_pb2.Summary(value=[value]), step)

    def picture(self, tag, png_path, step):
        """Logs a picture from a PNG file."""
        with open(png_path, "rb") as file:
            png = file.read()
        image = summary_pb2.Summary.Image(
            encoded_image_string=png,
            # The first chunk of a PNG file holds width and height.
            width=int.from_bytes(png[16:20]),
            height=int.from_bytes(png[20:24]),
            colorspace=3,
        )
        value = summary_pb2.Summary.Value(tag=tag, image=image)
        self._write(summary_pb2.Summary(value=[value]), step)

    def hyper_parameters(self, varied, others, metrics):
        """Logs the settings of the run for TensorBoard's HParams tab.

        TensorBoard takes the list of settings of any one run for that of all,
        so that what is compared belongs into it even where it has no value.

        Args:
            varied: Dictionary of settings to show first; `None` is no value,
                and values other than numbers and booleans are written as text.
            others: Dictionary of further settings.
            metrics: Iterable of the tags of scalars to compare.
        """
        settings = {**others, **varied}
        plain = {
            name: value
            if isinstance(value, bool | int | float)
            else foreign.escape(str(value))
            for name, value in settings.items()
            if value is not None
        }
        experiment = api_pb2.Experiment(
            time_created_secs=time.time(),
            hparam_infos=[
                api_pb2.HParamInfo(name=name, differs=name in varied)
                for name in settings
            ],
            metric_infos=[
                api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag))
                for tag in metrics
            ],
        )
        self._write_hyper_parameters(
            metadata.EXPERIMENT_TAG, experiment=experiment
        )
        self._write(summary_v2.hparams_pb(plain), 0)

    def close(self):
        """Logs that the run has finished, and closes the file."""
        ended = plugin_data_pb2.SessionEndInfo(
            status=api_pb2.STATUS_SUCCESS, end_time_secs=time.time()
        )
        self._write_hyper_parameters(
            metadata.SESSION_END_INFO_TAG, session_end_info=ended
        )
        self._close()
