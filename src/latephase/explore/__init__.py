"""The page in a browser: networks to play with, followed to t = 10^1000."""
