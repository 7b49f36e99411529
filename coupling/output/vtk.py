"""VTK's XML files, as ParaView reads them: quadrilaterals in .vtu, times in .pvd.

An unstructured file is read by everything, meshio included; compressed, its
regular mesh costs little more than an image would.
"""

import zlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from tellus.io.whole_file import write_atomically
from tellus.solver.grid import Array

Values = NDArray[Any]

QUADRILATERAL = 9
HEADER = (
    '<?xml version="1.0"?>\n<VTKFile type="UnstructuredGrid" version="1.0" '
    'byte_order="LittleEndian" header_type="UInt64" compressor="vtkZLibDataCompressor">\n'
)


class Mesh:
    """The cells of a box as quadrilaterals between its nodes, written out once."""

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
    file: Path, mesh: Mesh, cells: Mapping[str, Values], points: Mapping[str, Values]
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


def _arrays(fields: Mapping[str, Values]) -> str:
    return "".join(
        _array(name, _vectors(*values) if values.ndim == 3 else values.ravel())
        for name, values in fields.items()
    )


def _vectors(x: Values, y: Values) -> Values:
    return np.stack([x.ravel(), y.ravel(), np.zeros_like(x.ravel())], axis=-1)


def _array(name: str, values: Values) -> str:
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
