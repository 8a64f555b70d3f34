"""Plain values and functions of the mail world: no I/O, no clock, no dice, no await."""
