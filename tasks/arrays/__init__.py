"""Devices, array kinds in and out, CPU fallback, compilation of step functions."""
