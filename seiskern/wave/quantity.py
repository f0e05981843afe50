"""What can be recorded."""

from dataclasses import dataclass

Term = tuple[str, float, str | None]  # field, factor, axis of a derivative


@dataclass(frozen=True)
class Quantity:
    """How a recorded quantity follows from the fields of the scheme.

    Attributes
    ----------
    half : bool
        Whether it is made of velocities, which lie at half steps, or of stresses.
    kind : str
        What of the series is recorded: value, integral or derivative in time.
    unit : str
        In which it is.
    """

    half: bool
    kind: str
    unit: str

    def parts(self, ndim: int) -> dict[str, list[Term]]:
        """Terms of each component, by its name."""
        names = "xz" if ndim == 2 else "xyz"
        if not self.half:
            return {"p": [(f"s{a}{a}", -1 / ndim, None) for a in names]}
        if self.unit != "1":
            return {a: [(f"v{a}", 1.0, None)] for a in names}
        pairs = ("xx", "zz", "xz") if ndim == 2 else ("xx", "yy", "zz", "yz", "xz", "xy")
        return {
            a + b: [(f"v{a}", 1.0, a)] if a == b else [(f"v{a}", 0.5, b), (f"v{b}", 0.5, a)]
            for a, b in map(tuple, pairs)
        }


QUANTITIES = {
    "velocity": Quantity(True, "value", "m/s"),
    "displacement": Quantity(True, "integral", "m"),
    "acceleration": Quantity(True, "derivative", "m/s2"),
    "pressure": Quantity(False, "value", "Pa"),
    "strain": Quantity(True, "integral", "1"),
}
