"""Folders of pictures to batches on the device, and the benchmark sets."""
