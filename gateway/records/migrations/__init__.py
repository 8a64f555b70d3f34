"""The steps that bring a database to the schema of this program; each runs once, in one transaction."""
