"""The harness runs and tells the truth about what it ran; never how fast."""
