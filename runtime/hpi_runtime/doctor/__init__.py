"""What keeps backends from running on this machine."""
