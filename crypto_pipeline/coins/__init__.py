"""The coins themselves: their list, what happens to them, and under which id they go on."""
