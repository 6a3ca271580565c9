"""TensorBoard's event files: curves, histograms of weights, and hyperparameters.

A file is a series of records: https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

import io
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)
from tensorboard.summary.writer.record_writer import RecordWriter

from bpnet.engine.component import Array
from bpnet.integrations.trackers.tracker import Series, Setting, TrackedRun, Tracker

FOLDER = "tensorboard"
_FINAL = "final/"
_BINS = 30


class EventFiles(Tracker):
    """An event file for each series of a run, in a folder of its own below `tensorboard/`."""

    def __init__(self, run: TrackedRun) -> None:
        self._run = run
        self._files: dict[Series, _EventFile] = {}
        self._epoch = 0

    def epoch(self, series: Series, epoch: int, values: Mapping[str, float]) -> None:
        """Take the values of an epoch by name."""
        self._epoch = max(self._epoch, epoch)
        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._file(series, epoch).add(Summary(value=scalars), epoch)

    def weights(self, series: Series, epoch: int, arrays: Mapping[str, Array]) -> None:
        """Take the weights after an epoch as histograms."""
        values = [
            Summary.Value(tag=f"weights/{name}", histo=histogram(array))
            for name, array in arrays.items()
        ]
        self._file(series, epoch).add(Summary(value=values), epoch)

    def flush(self) -> None:
        """Write the events that are waiting."""
        for file in self._files.values():
            file.flush()

    def end(self, status: str, scores: Mapping[str, float]) -> None:
        """Write the final scores, and how each training ended."""
        scalars = [Summary.Value(tag=f"{_FINAL}{k}", simple_value=v) for k, v in scores.items()]
        run = self._file(Series(), self._epoch + 1)
        if scalars:
            run.add(Summary(value=scalars), self._epoch)
        for file in self._files.values():
            file.add(_session_end(finished=status == "finished"), self._epoch)
            file.close()

    def _file(self, series: Series, epoch: int) -> "_EventFile":
        if series not in self._files:
            settings = {**self._run.settings, **series.settings}
            # of the networks of a run only those with settings of their own are sessions
            start = _session_start(settings) if series.settings or not series.name else None
            folder = self._run.folder / FOLDER / series.name
            self._files[series] = _EventFile(folder, epoch, start)
        return self._files[series]


class _EventFile:
    """An event file that is written from an epoch on; earlier events in it stay."""

    def __init__(self, folder: Path, epoch: int, start: Summary | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        present = sorted(folder.glob("events.out.tfevents.*"))
        # TensorBoard knows the files by `tfevents`; others look for time and host, too
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}"
        self._path = present[0] if present else folder / name
        kept = _length_before(self._path, epoch) if present else 0
        self._buffer = io.BytesIO()
        self._records = RecordWriter(self._buffer)
        with open(self._path, "ab") as file:
            file.truncate(kept)
        if not kept:
            self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))
            if start is not None:
                self.add(start, 0)

    def add(self, summary: Summary, epoch: int) -> None:
        """Add an event."""
        self._write(Event(wall_time=time.time(), step=epoch, summary=summary))

    def _write(self, event: Event) -> None:
        self._records.write(event.SerializeToString())

    def flush(self) -> None:
        """Append what is waiting to the file."""
        if waiting := self._buffer.getvalue():
            with open(self._path, "ab") as file:
                file.write(waiting)
            self._buffer.seek(0)
            self._buffer.truncate()

    def close(self) -> None:
        """Write the rest, so that it survives a power cut."""
        self.flush()
        with open(self._path, "rb") as file:
            os.fsync(file.fileno())


def _session_start(settings: Mapping[str, Setting]) -> Summary:
    """Return the beginning of a training with hyperparameters, for TensorBoard's table of them."""
    info = SessionStartInfo(start_time_secs=time.time())
    for name, value in settings.items():
        field = info.hparams[name]
        if isinstance(value, bool):
            field.bool_value = value
        elif isinstance(value, str):
            field.string_value = value
        else:
            field.number_value = value
    return _session(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=info))


def _session_end(*, finished: bool) -> Summary:
    status = api_pb2.STATUS_SUCCESS if finished else api_pb2.STATUS_FAILURE
    info = SessionEndInfo(status=status, end_time_secs=time.time())
    return _session(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=info))


def _session(tag: str, data: HParamsPluginData) -> Summary:
    described = metadata.create_summary_metadata(data)
    value = Summary.Value(tag=tag, metadata=described, tensor=metadata.NULL_TENSOR)
    return Summary(value=[value])


def _length_before(path: Path, epoch: int) -> int:
    """Return the number of bytes before the first event of an epoch, or of a training's end.

    It ends before a record that is torn.
    """
    end = 0
    with open(path, "rb") as file:
        for stop, event in _events(file):
            tags = [value.tag for value in event.summary.value]
            ended = any(tag.startswith((_FINAL, metadata.SESSION_END_INFO_TAG)) for tag in tags)
            if event.step >= epoch or ended:
                break
            end = stop
    return end


def _events(file: BinaryIO) -> Iterator[tuple[int, Event]]:
    """Yield each whole event, and where it ends: length, its checksum, data, their checksum."""
    while len(head := file.read(12)) == 12:
        length = int.from_bytes(head[:8], "little")
        data = file.read(length)
        if len(file.read(4)) < 4:
            return
        yield file.tell(), Event.FromString(data)


def histogram(array: Array) -> HistogramProto:
    """Return the histogram of an array's finite numbers, in bins of the same width."""
    values = np.asarray(array, np.float64).ravel()
    values = values[np.isfinite(values)]
    if not len(values):
        values = np.zeros(1)
    counts, edges = np.histogram(values, _BINS)
    return HistogramProto(
        min=values.min(),
        max=values.max(),
        num=len(values),
        sum=values.sum(),
        sum_squares=values @ values,
        bucket_limit=edges[1:].tolist(),
        bucket=counts.tolist(),
    )
