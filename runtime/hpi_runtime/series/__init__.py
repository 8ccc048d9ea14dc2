"""Series of numbers in time: tables read from CSV, brought into the form that a model takes."""
