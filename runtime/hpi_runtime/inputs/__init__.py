"""From what people name or hand over to pictures: files, folders, PDFs, URLs, lists, and values from Python."""
