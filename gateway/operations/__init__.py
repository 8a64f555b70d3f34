"""What an operator can do. The API and the commands are two faces of these functions."""
