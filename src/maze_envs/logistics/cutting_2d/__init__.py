"""The 2D cutting problem: rectangles are cut from stock to customers' orders, sparing raw material."""
