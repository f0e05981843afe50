"""GPU tests run where there is a GPU, or where one is required."""

import os

import pytest
import torch


def pytest_collection_modifyitems(items):
    if torch.cuda.is_available() or os.environ.get("SEISKERN_REQUIRE_GPU") == "1":
        return
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="needs a GPU"))
