"""Results: their records, their pictures, their names, and how they are written."""
