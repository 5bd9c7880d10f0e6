"""What follows from what is set: runs, maps, reasons, and how the page is told of them."""
