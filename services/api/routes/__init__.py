"""What can be asked and ordered, a file for each noun. A route is an operation and how it is answered."""
