"""One mode of any shallow network: which points its neurons serve, and how it moves there."""
