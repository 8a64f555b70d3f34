"""What operators taught: read from their lessons, and held against messages."""
