"""The formula language: one typed tree, an exact interpreter that explains itself, and a compiler to SQL. Pure."""
