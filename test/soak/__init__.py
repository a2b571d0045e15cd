"""Generated matrices of everything that can go wrong around a build's row and a table's schema, and their counts."""
