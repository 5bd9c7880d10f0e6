"""What is set on the page: its state, how that is written in the address, and what changes it."""
