"""Examples: the configs that are shipped with bpnet, each with its table."""

import re
from dataclasses import dataclass
from pathlib import Path

from bpnet.config.dataset_paths import is_file_path
from bpnet.config.source import parse_source
from bpnet.errors import UsageError
from bpnet.messages import closest_match
from bpnet.paths import exists, is_dir
from bpnet.runs.files import write_bytes
from bpnet.workflows.editor_schema import LINE, write_schema

_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Example:
    """A config that is shipped, and the table that it trains on, unless it holds its rows.

    `name` is its path inside configs/, without the suffix.
    """

    name: str
    text: str
    table: Path | None

    @property
    def summary(self) -> str:
        """The first sentence of the config's comment."""
        comment = self.text.partition("\n#\n")[0]
        words = " ".join(line.lstrip("# ") for line in comment.splitlines())
        return re.split(r"(?<=\.) ", words, maxsplit=1)[0]

    @property
    def verb(self) -> str:
        """The verb of the first command in the comment: train or trace."""
        match = re.search(r"^#   bpnet (\w+) ", self.text, re.MULTILINE)
        return match[1] if match else "train"


@dataclass(frozen=True)
class WrittenExample:
    """An example that was written: its config, and its table, if it has one."""

    example: Example
    config: Path
    table: Path | None


def examples() -> list[Example]:
    """Return every example, those of the tutorials last."""
    folder = _folder() / "configs"
    files = sorted(folder.rglob("*.yaml"), key=lambda file: (len(file.parts), file))
    return [_read(file, folder) for file in files]


def find_example(name: str) -> Example:
    """Return the example of a name; raises UsageError with the nearest name if there is none."""
    by_name = {example.name: example for example in examples()}
    name = name.removesuffix(".yaml").removeprefix("configs/")
    if name in by_name:
        return by_name[name]
    ends = {one.rpartition("/")[2]: one for one in by_name}
    near = ends.get(name) or closest_match(name, by_name)
    hint = f"did you mean '{near}'?" if near else "list them with: bpnet example"
    raise UsageError(f"there is no example '{name}'; {hint}")


def write_example(example: Example, folder: Path, *, force: bool = False) -> WrittenExample:
    """Write an example's config, and its table beside it, into a folder.

    A file that is there and is another one is overwritten only with `force`: raises UsageError
    before anything is written. Raises RunError if a file cannot be written.
    """
    stem = example.name.rpartition("/")[2]
    text = example.text.replace(f"configs/{example.name}.yaml", f"{stem}.yaml")
    contents: dict[Path, bytes] = {}
    table = None
    if example.table is not None:
        table = folder / example.table.name
        contents[table] = example.table.read_bytes()
        text = re.sub(r"(\bpath: )\S+", rf"\g<1>{example.table.name}", text, count=1)
    config = folder / f"{stem}.yaml"
    contents[config] = f"{LINE}\n{text}".encode()
    different = [path for path in contents if exists(path) and not _has(path, contents[path])]
    if different and not force:
        raise UsageError(
            f"{different[0]} exists already; overwrite it with --force, or go to another folder"
        )
    for path, content in contents.items():
        write_bytes(path, content)
    write_schema(folder)
    return WrittenExample(example, config, table)


def _has(path: Path, content: bytes) -> bool:
    """Return whether a file has this content."""
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _folder() -> Path:
    """Return the folder of configs/ and datasets/: in the package, or around it in a checkout."""
    packaged = _PACKAGE / "examples"
    return packaged if is_dir(packaged) else _PACKAGE.parent


def _read(file: Path, folder: Path) -> Example:
    text = file.read_text("utf-8")
    path = parse_source(text, str(file)).data["dataset"].get("path")
    table = file.parent / path if path is not None and is_file_path(path) else None
    return Example(file.relative_to(folder).with_suffix("").as_posix(), text, table)
