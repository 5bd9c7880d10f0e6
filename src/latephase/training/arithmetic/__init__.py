"""Gradient descent in float16, bfloat16, float32 and float64 as a machine rounds it."""
