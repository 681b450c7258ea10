"""The codecs behind `maze.core.recording.space_codec`, by the form that their columns have."""
