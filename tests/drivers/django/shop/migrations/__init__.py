"""The first makes the tables, the others change them with rows in."""
