"""Arrow files and streams, such as Feather, read by pyarrow, which the extra `parquet` installs."""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.ipc

from bpnet.data.reading.arrow_messages import decompressed_sizes
from bpnet.data.reading.arrow_values import DAMAGED, ROWS, ArrowTableFile, joined_batches
from bpnet.data.reading.expansion import file_size, most_content, too_much
from bpnet.data.reading.streams import stream_errors
from bpnet.errors import DataError


class ArrowFile(ArrowTableFile):
    """A file or stream in Arrow's format for messages between processes (IPC)."""

    title = "Arrow"
    kind = "Arrow"

    def _schema(self) -> Any:
        with stream_errors(self.name), self._opener() as stream:
            try:
                return _open(stream).schema
            except DAMAGED as error:
                raise self._damaged(error) from None

    def _batches(self, names: list[str]) -> Iterator[Any]:
        self._refuse_large_buffers()
        with self._opener() as stream:
            wanted = set(names)
            fields = [k for k, name in enumerate(_open(stream).schema.names) if name in wanted]
        with self._opener() as stream:
            reader = _open(stream, pa.ipc.IpcReadOptions(included_fields=fields))
            pieces = (
                batch.slice(start, ROWS)
                for batch in _of(reader)
                for start in range(0, batch.num_rows, ROWS)
            )
            yield from joined_batches(pieces, ROWS)

    def _refuse_large_buffers(self) -> None:
        """Raise DataError if compressed buffers hold more than such a file does."""
        with self._opener() as stream:
            size = file_size(stream)
            source = stream if stream.seekable() else io.BytesIO(stream.read())
            most, held = most_content(size), 0
            for content in decompressed_sizes(source):
                held += content
                if held > most:
                    raise DataError(
                        f"{too_much(self.name, size)}; if it is a table indeed, write it without "
                        "compression"
                    )


def _open(stream: BinaryIO, options: Any = None) -> Any:
    """Open a file, which begins with a mark, or a stream, which does not."""
    if stream.read(6) == b"ARROW1":
        stream = stream if stream.seekable() else io.BytesIO(b"ARROW1" + stream.read())
        stream.seek(0)
        return pa.ipc.open_file(stream, options=options)
    stream.seek(0)
    return pa.ipc.open_stream(stream, options=options)


def _of(reader: Any) -> Iterator[Any]:
    """Yield the batches of a file or stream; raise ValueError if one is damaged."""
    if isinstance(reader, pa.ipc.RecordBatchFileReader):
        batches = (reader.get_batch(k) for k in range(reader.num_record_batches))
    else:
        batches = iter(reader)
    for batch in batches:
        batch.validate(full=True)  # Arrow itself follows damaged offsets out of its memory
        yield batch
