"""What runs did, and how far they drift apart: recorded, measured, compared, drawn."""
