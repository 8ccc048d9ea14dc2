"""What a reviewer sees, in each form: terminal, Markdown, pages."""
