"""What a decoder is made of: its shape, its layers, and how families differ in both."""
