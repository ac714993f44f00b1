"""Outputs of the golden vectors of test/emulator/vectors, recorded on this device."""

from vectors import VECTORS
from vectors.record import entry


def run(device, name, doing):
    """What the report's vectors.json has of a vector. Raises AssertionError if two launches differ, RuntimeError as the driver does."""
    vector = VECTORS[name]
    doing("a launch")
    outputs = device.run(vector)
    doing("a second launch")
    different = int((outputs != device.run(vector)).sum())
    assert not different, f"{different} words differ between two launches"
    return {"recorded": entry(vector, outputs)}
