"""Records remember what became of every mail; the bus only moves it."""
