"""What the maker of the product does: no administrator needs any of it."""
