"""Build what of web/ is made from elsewhere in the house (`make web`), and say from what it was.

tellus.wasm is csrc/web.cpp and what that includes, compiled by the Clang of the package ziglang;
generated.js holds colours and the seeds of random starts. Both are committed: a wheel carries the
page, and nobody but who changes those sources needs the compiler.
"""

import hashlib
import json
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import numpy as np
from cmcrameri import cm

ROOT = Path(__file__).parents[1]
WEB, SOURCES = ROOT / "web", ROOT / "csrc"
COMPILE = (
    *("-target", "wasm32-wasi", "-mexec-model=reactor", "-std=c++17", "-O3", "-msimd128"),
    *("-fno-exceptions", "-fno-rtti", "-fno-c++-static-destructors", "-Wall", "-Wextra", "-Werror"),
    "-Wl,--strip-all",
)
MAPS = {"temperature": "lajolla", "viscosity": "devon", "speed": "batlow", "difference": "vik"}
SEEDS = 4


def digest(content: bytes) -> str:
    """Of the module."""
    return hashlib.sha256(content).hexdigest()


def sources() -> str:
    """Digest of what the module is made from: the headers, web.cpp and how it is compiled."""
    found = hashlib.sha256(" ".join(COMPILE).encode())
    for source in sorted([*SOURCES.glob("*.hpp"), SOURCES / "web.cpp"]):
        found.update(source.name.encode() + b"\0" + source.read_bytes())
    return found.hexdigest()


def generated() -> str:
    """The content of generated.js."""
    colours = {
        name: b64encode(
            np.round(255 * getattr(cm, of)(np.arange(256))[:, :3]).astype(np.uint8).tobytes()
        ).decode()
        for name, of in MAPS.items()
    }
    amplitudes = [
        np.random.default_rng(seed).standard_normal(4 * 32).tolist() for seed in range(SEEDS)
    ]
    return (
        "// Written by `make web`: Crameri's (2018) colour maps, red, green and blue of 256\n"
        "// colours each, and the amplitudes of random starts by their seed.\n"
        f"export const COLOURS = {json.dumps(colours, indent=1)};\n"
        f"export const AMPLITUDES = {json.dumps(amplitudes)};\n"
    )


def bundle(closure: Path | None) -> None:
    """Put a trained closure into the page, or say whether there is one."""
    file = WEB / "closure.safetensors"
    if closure is not None:
        from tellus.coupling.output.web import export_closure

        export_closure(closure, file)
    name = json.dumps(file.name if file.exists() else None)
    (WEB / "bundle.js").write_text(
        "// Written by `make web`: what comes with the page.\n"
        f"export const bundled = {{ closure: {name} }};\n"
    )


def build(closure: Path | None) -> None:
    """Write all of it."""
    compiler = (sys.executable, "-m", "ziglang", "c++")
    module = WEB / "tellus.wasm"
    subprocess.run([*compiler, *COMPILE, SOURCES / "web.cpp", "-o", module], check=True)
    module.chmod(0o644)
    (WEB / "generated.js").write_text(generated())
    bundle(closure)
    built = {"sources": sources(), "module": digest(module.read_bytes())}
    (WEB / "built.json").write_text(json.dumps(built, indent=1) + "\n")
    print(f"{module.relative_to(ROOT)}: {module.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
