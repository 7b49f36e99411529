"""Runs in the formats of other programs: VTK for ParaView, netCDF for everything else."""

import os
import zlib
from base64 import b64encode
from collections.abc import Callable, Hashable, Mapping, Sequence
from errno import ENOSPC
from io import SEEK_CUR, SEEK_SET, FileIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tellus.coupling.directory.fields import CELLS, NODES
from tellus.coupling.directory.files import CONFIG
from tellus.coupling.directory.recorded import RecordedRun, read_outputs
from tellus.coupling.planet import Units, units_of
from tellus.errors import InputError
from tellus.io.places import directory
from tellus.io.shown import shown
from tellus.io.whole_file import own_folder, write_atomically, written_aside
from tellus.solver.grid import Array

CONVENTIONS = "CF-1.11"

FieldValues = NDArray[Any]

QUADRILATERAL = 9
HEADER = (
    '<?xml version="1.0"?>\n<VTKFile type="UnstructuredGrid" version="1.0" '
    'byte_order="LittleEndian" header_type="UInt64" compressor="vtkZLibDataCompressor">\n'
)


def export_vtk(path: Path, out: Path | None = None) -> Path:
    """Write every output as a .vtu file, and a .pvd file with their times to open.

    Cell data: what lives at the cells, and `velocity`, the mean over the faces of
    each cell. Point data: what lives at the nodes.

    The run at `path` may still go on; `out` is the directory of the files [default: ``vtk`` in the
    run directory]. Returns the .pvd file; raises InputError for no such run, or a damaged one.
    """
    run = read_outputs(path)
    units = units_of(run.settings)
    _refuse_damaged(run)
    out = own_folder(run.path / "vtk") if out is None else directory(out)
    grid = run.grid
    mesh = Mesh(units.show("x", grid.x_nodes), units.show("y", grid.y_nodes))
    members = [f"output_{k:05d}.vtu" for k in range(run.output_times.size)]
    for k, member in enumerate(members):
        frame = units.dataset(run.frame(k))
        write_vtu(out / member, mesh, _on_cells(frame), _with_dims(frame, NODES))
    series = out / f"{run.path.resolve().name}.pvd"
    write_pvd(series, units.show("time", run.output_times).tolist(), members)
    return series


def export_netcdf(path: Path, out: Path | None = None) -> Path:
    """Write all outputs to one netCDF-4 file, each variable on its own staggered coordinates.

    As `export_vtk`; `out` is a file [default: NAME.nc in the run directory].
    """
    import h5netcdf  # noqa: F401 - xarray would say what is missing in its own words, and late

    run = read_outputs(path)
    out = run.path / f"{run.path.resolve().name}.nc" if out is None else out
    if out.is_dir():
        raise InputError(f"{out} is a directory: name the netCDF file to write, such as run.nc.")
    if out.exists() and out.suffix != ".nc":
        raise InputError(f"{out} exists and is no .nc file: name another one, such as run.nc.")
    _refuse_damaged(run)
    dataset = _described(run, units_of(run.settings))
    packed: dict[Hashable, dict[str, int | None]] = {
        name: {"zlib": True, "complevel": 1, "shuffle": True}
        for name, variable in dataset.data_vars.items()
        if variable.ndim > 1
    }
    # A coordinate has no missing values, says CF.
    packed |= {name: {"_FillValue": None} for name in dataset.coords}
    out.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(out) as stream:
        file = _Patient(stream.fileno(), "w+", closefd=False)
        file.fill(lambda: dataset.to_netcdf(file, engine="h5netcdf", encoding=packed))
    return out


def _refuse_damaged(run: RecordedRun) -> None:
    """Raise InputError for damage, which may pass as missing values, before anything is begun."""
    for k in range(run.output_times.size):
        run.frame(k)


class _Patient(FileIO):
    """A file whose failures are raised once it is done with: HDF5 crashes where a write fails.

    After a failure HDF5 may write again when it is cleared away; the descriptor may then be
    another file's, so once it is `over` nothing is done any more.
    """

    failure: OSError | None = None
    over = False

    def write(self, content: Any, /) -> int:
        """Write, or, once that has failed, only pretend to."""
        size = memoryview(content).nbytes
        if self.failure is None and not self.over:
            try:
                if self.put(content) == size:
                    return size
                self.failure = OSError(ENOSPC, os.strerror(ENOSPC))
            except OSError as error:
                self.failure = error
        self.seek(size, SEEK_CUR)
        return size

    def seek(self, offset: int, whence: int = SEEK_SET, /) -> int:
        """Go there, while there is somewhere to go."""
        return offset if self.over else super().seek(offset, whence)

    def truncate(self, size: int | None = None, /) -> int:
        """Change the size, which a limit on it may forbid."""
        if self.over:
            return size or 0
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0

    def put(self, content: Any) -> int:
        """Write now."""
        return super().write(content)

    def fill(self, write: Callable[[], Any]) -> None:
        """Write, and raise the first failure; failures after it are not to be believed."""
        try:
            write()
        except Exception:
            if self.failure is None:
                raise
        finally:
            self.over = True
        if self.failure is not None:
            raise OSError(self.failure.errno, self.failure.strerror)


def _described(run: RecordedRun, units: Units) -> xr.Dataset:
    """The outputs, read as they are written, with what CF asks for."""
    from importlib.metadata import version

    dataset = units.dataset(run.fields.chunk({"time": 1}).drop_encoding())
    for name, coordinate in dataset.coords.items():
        coordinate.attrs["axis"] = str(name)[0].upper()
    # CF knows time only since a date; ParaView takes the word for it.
    dataset["time"].attrs["standard_name"] = "time"
    dataset.attrs = {
        "Conventions": CONVENTIONS,
        "title": f"Mantle convection, run {shown(run.path.resolve().name)}",
        "source": f"Tellus {version('tellus-mantle')}",
        "configuration": (run.path / CONFIG).read_text(encoding="utf-8"),
    }
    return dataset


def _on_cells(frame: xr.Dataset) -> dict[str, FieldValues]:
    """What lives at the cells, and the velocity there: means over the faces of each."""
    u, v = frame["u"].values, frame["v"].values
    means = (u[:, 1:] + u[:, :-1]) / 2, (v[1:] + v[:-1]) / 2
    return _with_dims(frame, CELLS) | {"velocity": np.stack(means)}


def _with_dims(frame: xr.Dataset, dims: tuple[str, ...]) -> dict[str, FieldValues]:
    return {str(n): field.values for n, field in frame.data_vars.items() if field.dims == dims}


class Mesh:
    """The cells of a box as VTK's quadrilaterals between its nodes, written out once.

    An unstructured file is read by everything, meshio included; compressed, its
    regular mesh costs little more than an image would.
    """

    def __init__(self, x_nodes: Array, y_nodes: Array) -> None:
        self.shape = (y_nodes.size - 1, x_nodes.size - 1)
        x, y = np.meshgrid(x_nodes, y_nodes)
        number = np.arange(x.size).reshape(x.shape)
        around = (number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1])
        corners = np.stack(around, axis=-1).reshape(-1, 4)
        self.points, self.cells = x.size, corners.shape[0]
        self.text = (
            f"<Points>\n{_array('Points', _vectors(x, y))}</Points>\n<Cells>\n"
            f"{_array('connectivity', corners.ravel())}"
            f"{_array('offsets', 4 * np.arange(1, self.cells + 1))}"
            f"{_array('types', np.full(self.cells, QUADRILATERAL, dtype=np.uint8))}</Cells>\n"
        )


def write_vtu(
    file: Path, mesh: Mesh, cells: Mapping[str, FieldValues], points: Mapping[str, FieldValues]
) -> None:
    """Write fields over the cells, shape (ny, nx), and the nodes, shape (ny+1, nx+1).

    A field of shape (2, ny, nx) is a vector; its third component is zero.
    """
    text = (
        f'{HEADER}<UnstructuredGrid>\n<Piece NumberOfPoints="{mesh.points}" '
        f'NumberOfCells="{mesh.cells}">\n{mesh.text}'
        f"<CellData>\n{_arrays(cells)}</CellData>\n<PointData>\n{_arrays(points)}</PointData>\n"
        "</Piece>\n</UnstructuredGrid>\n</VTKFile>\n"
    )
    write_atomically(file, text.encode("ascii"))


def write_pvd(file: Path, times: Sequence[float], members: Sequence[str]) -> None:
    """Write the file that gives each member of a series its time."""
    lines = [
        f'<DataSet timestep="{time!r}" part="0" file={quoteattr(member)}/>\n'
        for time, member in zip(times, members, strict=True)
    ]
    text = (
        '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1" '
        f'byte_order="LittleEndian">\n<Collection>\n{"".join(lines)}</Collection>\n</VTKFile>\n'
    )
    write_atomically(file, text.encode())


def _arrays(fields: Mapping[str, FieldValues]) -> str:
    return "".join(
        _array(name, _vectors(*values) if values.ndim == 3 else values.ravel())
        for name, values in fields.items()
    )


def _vectors(x: FieldValues, y: FieldValues) -> FieldValues:
    return np.stack([x.ravel(), y.ravel(), np.zeros_like(x.ravel())], axis=-1)


def _array(name: str, values: FieldValues) -> str:
    """One DataArray, compressed in one block."""
    kind = {"f": "Float", "i": "Int", "u": "UInt"}[values.dtype.kind]
    raw = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
    packed = zlib.compress(raw, 1)
    # Blocks, bytes in each but the last, bytes in the last if that is shorter, packed bytes.
    header = np.array([1, len(raw), 0, len(packed)], dtype="<u8").tobytes()
    components = f' NumberOfComponents="{values.shape[1]}"' if values.ndim == 2 else ""
    return (
        f'<DataArray type="{kind}{8 * values.itemsize}" Name={quoteattr(name)}{components} '
        f'format="binary">{b64encode(header).decode()}{b64encode(packed).decode()}</DataArray>\n'
    )
