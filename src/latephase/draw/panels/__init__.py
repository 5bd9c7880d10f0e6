"""How panels are drawn, of pictures and of the report alike: axes, colours, words, files."""
