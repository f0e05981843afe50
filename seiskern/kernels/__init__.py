"""Compiled operations: tensors in, tensors out."""
