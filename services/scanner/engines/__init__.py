"""What looks for threats in the content of an object."""
