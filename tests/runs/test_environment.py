"""What run.json says of the machine: the library of matrix products that NumPy uses."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bpnet.runs import run_file

PACKAGES = Path(np.__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    run_file.blas.cache_clear()
    yield
    run_file.blas.cache_clear()


def test_it_is_that_of_numpy_beside_another_of_scipy() -> None:
    import scipy.linalg
    import sklearn.linear_model  # noqa: F401

    told = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    if "openblas" not in told["name"]:
        pytest.skip(f"NumPy is built with {told['name']}")
    assert scipy.linalg is not None
    library = run_file.blas()
    assert library is not None
    assert library["version"] == told["version"]


@pytest.mark.parametrize(
    ("files", "used"),
    [
        (["scipy.libs/a.so", "numpy.libs/b.so"], 1),
        (["numpy.libs/b.so", "scipy.libs/a.so"], 0),
        (["scipy/.dylibs/a.dylib", "numpy/.dylibs/b.dylib"], 1),
        (["scipy.libs/a.so", "/usr/lib/libblas.so.3"], 1),
        (["torch/lib/a.so", "numpy.libs/b.so", "/usr/lib/libblas.so.3"], 1),
        (["scipy.libs/a.so"], 0),
    ],
)
def test_of_several_it_is_the_nearest(
    monkeypatch: pytest.MonkeyPatch, files: list[str], used: int
) -> None:
    libraries = [
        {"user_api": "blas", "filepath": str(PACKAGES / file), "version": file} for file in files
    ]
    monkeypatch.setattr(run_file, "threadpool_info", lambda: libraries)
    assert (run_file.blas() or {})["version"] == files[used]
