"""From the start, step by step and orbit by orbit, to where a regime is proved never to be left."""
