"""What an object really is, and what is inside it: archives, attached messages, documents, encoded text."""
