"""`python -m vectors`: prints the record of all vectors that this device can run, for trying them without tools/gpu-check."""

import json
import sys

from . import VECTORS
from .driver import Device
from .record import entry


def main():
    with Device() as device:
        fitting = [vector for vector in VECTORS.values() if vector.fits(device.chip())]
        record = {"schema": 1, "device": {"name": device.name(), "chip": device.chip()}, "stand_in": device.path,
                  "vectors": {vector.name: entry(vector, device.run(vector)) for vector in fitting}}
    json.dump(record, sys.stdout, indent=1)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(f"error: {error}")
