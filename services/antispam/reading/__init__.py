"""From the bytes of a message to what a person reads of it: core alone, with a bound for everything."""
