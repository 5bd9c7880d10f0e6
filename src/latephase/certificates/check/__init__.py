"""The independent checker of certificates; it shares nothing with `prove`."""
