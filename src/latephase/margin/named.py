"""The margin of a network under its public name, until `of_network` bears that name itself."""

from latephase.margin import of_network as robustness_margin

__all__ = ["robustness_margin"]
