"""What happens, in which order: one flow per file, and the file's name is the flow's name."""
