"""What the compiler says: its codes, how they are shown, and what people may have meant."""
