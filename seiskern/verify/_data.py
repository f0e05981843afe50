"""Where the data of other people lie."""

import os
from pathlib import Path

import seiskern


def data_folder(name: str) -> Path | None:
    """Folder of a data set, or None where it is not there.

    Parameters
    ----------
    name : str
        ``loh1``, ``hemew3d`` or ``marmousi``.

    Returns
    -------
    Path or None
        ``name`` in the folder that the environment variable ``SEISKERN_DATA`` names; without it in
        ``shared/data`` beside the checkout.
    """
    given = os.environ.get("SEISKERN_DATA")
    root = Path(given) if given else Path(seiskern.__file__).parents[2] / "shared" / "data"
    folder = root / name
    return folder if folder.is_dir() else None
