"""Writes what the .proto files of the gRPC services say as the descriptors that quws loads.

    python tools/protocol.py

A test fails where that was forgotten.
"""

from __future__ import annotations

import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

FOLDER = Path(__file__).parents[1] / "src/quws/api/doors/iqm_grpc/proto"
DESCRIPTORS = FOLDER / "descriptors.binpb"


def descriptors() -> bytes:
    """Return the descriptors of all files, as a FileDescriptorSet.

    Raises
    ------
    SystemExit
        A file is wrong; what is wrong was printed.

    """
    shared = files("grpc_tools") / "_proto"
    with tempfile.NamedTemporaryFile(suffix=".binpb") as file:
        found = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.proto"))
        places = [f"--proto_path={place}" for place in (FOLDER, shared)]
        wrong = protoc.main(["protoc", *places, f"--descriptor_set_out={file.name}", *found])
        if wrong:
            raise SystemExit(wrong)
        return Path(file.name).read_bytes()


if __name__ == "__main__":
    DESCRIPTORS.write_bytes(descriptors())
