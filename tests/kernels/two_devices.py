"""A second device that torch believes to be a GPU, so that code that mixes devices fails without one.

Tensors on it wrap tensors of the CPU, where everything happens; operations of tensors on both are refused,
but for those that torch allows: copies, numbers, and indices.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

GPU = torch.device("cuda", 0)
ACROSS = {"_to_copy", "copy_", "index", "index_put", "index_put_", "_index_put_impl_"}


def _inner(value):
    return tree_map_only(OnGpu, lambda t: t.inner, value)


class OnGpu(torch.Tensor):
    """A tensor on the second device."""

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=GPU,
        )

    def __init__(self, inner):
        self.inner = inner

    def data_ptr(self):
        return self.inner.data_ptr()

    # These would look for the driver.
    def item(self):
        return self.inner.item()

    def tolist(self):
        return self.inner.tolist()

    def __float__(self):
        return float(self.inner)

    def __int__(self):
        return int(self.inner)

    def __bool__(self):
        return bool(self.inner)

    def copy_(self, source, non_blocking=False):
        self.inner.copy_(_inner(source))
        return self

    def __invert__(self):
        return torch.bitwise_not(self)

    def __getitem__(self, index):
        return OnGpu(self.inner[_inner(index)])

    def __setitem__(self, index, value):
        self.inner[_inner(index)] = _inner(value)

    def __repr__(self):
        return f"OnGpu({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        with TwoDevices():
            return function(*args, **(kwargs or {}))


class TwoDevices(TorchDispatchMode):
    """While it is active there is such a device."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        tensors = []
        tree_map_only(torch.Tensor, tensors.append, (args, kwargs))
        there = any(isinstance(t, OnGpu) for t in tensors)
        name = function._schema.name.removeprefix("aten::")
        if there and name not in ACROSS:
            for t in tensors:
                if not isinstance(t, OnGpu) and t.ndim > 0:
                    raise RuntimeError(f"{name}: tensors on the CPU and on the GPU")
        if there and name.startswith("index") and not isinstance(args[0], OnGpu):
            raise RuntimeError(f"{name}: indices on the GPU of a tensor on the CPU")
        if kwargs.get("device") is not None:
            there = torch.device(kwargs["device"]).type == "cuda"
            kwargs["device"] = torch.device("cpu")
        plain_args, plain = _inner((args, kwargs))
        result = function(*plain_args, **plain)
        inner = {id(t.inner): t for t in tensors if isinstance(t, OnGpu)}  # what was changed in place

        def wrapped(t):
            return inner[id(t)] if id(t) in inner else OnGpu(t)

        if name == "_to_copy" and there and not any(isinstance(t, OnGpu) for t in tensors):
            return OnGpu(result)
        return tree_map_only(torch.Tensor, wrapped, result) if there else result
