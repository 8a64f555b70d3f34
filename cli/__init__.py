"""One module for each command. A command parses its options, calls an operation and prints what it gave."""
