"""The content database: from its sources to what it says of a text."""
